#!/usr/bin/env bash
# Makes sure that this machine has PostgreSQL's server programs, version 15 or newer. Quiet where it has.
# Installs only programs: no server is started, no cluster is made; acquit makes a private one of its own.
set -euo pipefail

oldest=15

# The major version of the `postgres` in a directory, or nothing.
major() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] && [ -x "$1/pg_ctl" ] || return 0
    "$1/postgres" --version 2>/dev/null | sed -n 's/^postgres (PostgreSQL) \([0-9][0-9]*\).*/\1/p'
}

# Whether acquit would find server programs, in the places where it looks.
present() {
    local directory version
    local -a places=()
    IFS=: read -r -a places <<<"$PATH"
    places+=(
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql*
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /home/linuxbrew/.linuxbrew/opt/postgresql*/bin
        /opt/local/lib/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin
    )
    if command -v pg_config >/dev/null; then
        places+=("$(pg_config --bindir 2>/dev/null || true)")
    fi
    for directory in "${places[@]}"; do
        [ -n "$directory" ] || continue
        version=$(major "$directory")
        if [ -n "$version" ] && [ "$version" -ge "$oldest" ]; then
            return 0
        fi
    done
    return 1
}

die() {
    echo "$1" >&2
    echo "Install PostgreSQL $oldest or newer (server programs) by hand, or set DATABASE_URL for acquit itself." >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "PostgreSQL's server programs are missing, and installing them needs root or sudo."
    fi
}

# The newest packaged major version that is new enough, or nothing.
newest_apt() {
    apt-cache search --names-only '^postgresql-[0-9]+$' | sed -n 's/^postgresql-\([0-9][0-9]*\) .*/\1/p' |
        sort -n | awk -v oldest="$oldest" '$1 >= oldest { newest = $1 } END { if (newest) print newest }'
}

install_apt() {
    local settings=/etc/postgresql-common/createcluster.conf ours='' version
    local -a install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends
        -o Dpkg::Options::=--force-confold)
    as_root apt-get update -q
    version=$(newest_apt)
    if [ -z "$version" ]; then
        # An older distribution: PostgreSQL's own archive has newer ones.
        as_root "${install[@]}" postgresql-common ca-certificates gnupg
        as_root /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y
        version=$(newest_apt)
    fi
    [ -n "$version" ] || die "No package of PostgreSQL $oldest or newer was found."
    # Debian would make a cluster and start a server on port 5432; the setting is put back afterwards.
    if [ ! -e "$settings" ]; then
        ours=yes
        as_root mkdir -p "$(dirname "$settings")"
        echo 'create_main_cluster = false' | as_root tee "$settings" >/dev/null
    fi
    as_root "${install[@]}" "postgresql-$version"
    if [ -n "$ours" ]; then
        echo '#create_main_cluster = true' | as_root tee "$settings" >/dev/null
    fi
}

install_dnf() {
    local stream
    if ! dnf -q repoquery --qf '%{version}\n' postgresql-server 2>/dev/null | grep -Eq '^(1[5-9]|[2-9][0-9])'; then
        for stream in 16 15; do
            as_root dnf -y -q module enable "postgresql:$stream" && break
        done
    fi
    as_root dnf -y -q install postgresql-server
}

install_apk() {
    local version
    for version in 18 17 16 15; do
        if as_root apk add --no-cache "postgresql$version"; then
            return
        fi
    done
    die "No package of PostgreSQL $oldest or newer was found."
}

if present; then
    exit 0
fi
echo "No PostgreSQL server programs of version $oldest or newer here: installing them."
if command -v apt-get >/dev/null; then
    install_apt
elif command -v dnf >/dev/null; then
    install_dnf
elif command -v apk >/dev/null; then
    install_apk
elif command -v pacman >/dev/null; then
    as_root pacman -Sy --noconfirm --needed postgresql
elif command -v brew >/dev/null; then
    brew install postgresql@17
else
    die "PostgreSQL's server programs are missing, and this machine has none of apt-get, dnf, apk, pacman and brew."
fi
present || die "PostgreSQL was installed, but its server programs were not found."
