// Before the first paint: the theme and language that were chosen, so that nothing flashes. A file, since the policy allows no inline script.
;(function () {
    try {
        var theme = localStorage.getItem('minishop.theme')
        if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
        var language = localStorage.getItem('minishop.language')
        if (language) document.documentElement.lang = language
    } catch (e) {
        // a browser that allows no storage has the system's theme
    }
})()
