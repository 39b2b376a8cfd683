// Before the first paint: the theme and language that were chosen, so that nothing flashes; and the question that the page of a sale begins
// with, while its scripts are still on their way (shared/api/client.ts takes the answer). A file, since the policy allows no inline script.
;(function () {
    try {
        var theme = localStorage.getItem('minishop.theme')
        if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
        var language = localStorage.getItem('minishop.language')
        if (language) document.documentElement.lang = language
    } catch (e) {
        // a browser that allows no storage has the system's theme
    }
    if (/^\/sales\/[0-9]+$/.test(location.pathname) && navigator.onLine) {
        var path = '/api/v1' + location.pathname
        var answer = fetch(path, { credentials: 'omit', headers: { Accept: 'application/json' } })
        answer.catch(function () {}) // whoever takes it hears of it
        window.minishopEarly = { path: path, answer: answer }
    }
})()
