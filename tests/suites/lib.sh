# Sourced by the suites: how they get what they need.

debian_packages() {
    local missing=() package
    for package in "$@"; do
        [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
            missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    local root=()
    [[ $(id -u) -eq 0 ]] || root=(sudo)
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# debian_source RELEASE PACKAGE: unpacks the upstream source into $SUITE_WORK/src/PACKAGE. The lists are kept apart: the
# machine's own sources stay as they are.
debian_source() {
    local release=$1 package=$2 apt=$SUITES_WORK/apt-$1 target=$SUITE_WORK/src/$2
    [[ ! -d $target ]] || return 0
    local options=(
        -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache")
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$target.tmp"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "http://deb.debian.org/debian $release main" >"$apt/sources.list"
    apt-get "${options[@]}" update -q
    (
        cd "$target.tmp"
        apt-get "${options[@]}" source -q --tar-only --download-only "$package" ||
            ls ./*.orig.tar.* # of several parts, the one that we use may be there
        tar xf ./"$package"_*.orig.tar.* --strip-components=1
        rm -f ./"$package"_*
    )
    mv "$target.tmp" "$target"
}

# node_package NAME@VERSION: unpacks it into $SUITE_WORK/src/NAME.
node_package() {
    local target=$SUITE_WORK/src/${1%@*}
    [[ ! -d $target ]] || return 0
    mkdir -p "$target.tmp"
    (
        cd "$target.tmp"
        npm pack --silent "$1"
        tar xzf ./*.tgz --strip-components=1
        rm -f ./*.tgz
    )
    mv "$target.tmp" "$target"
}
