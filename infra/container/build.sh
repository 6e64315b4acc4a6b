#!/bin/bash
# Build an image and run its health check, without a Docker daemon or a registry: build.sh amd64|arm64 [cpu|gpu]
#
# The base is a Debian made here from its packages, or $BASE, an image that can be pulled. The Containerfile is the same.
# All that this makes lies in .image/; on another architecture than the machine's everything runs under QEMU, slowly.
set -euo pipefail
cd "$(dirname "$0")/../.."

arch=$1 variant=${2:-cpu}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
image=localhost/kilnscan:$version-$arch$([ "$variant" = cpu ] || echo "-$variant")
archive=.image/kilnscan-${image##*:}.tar
PATH=$PATH:/usr/sbin:/sbin

stop() {
    echo "image: $1" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || stop "this needs root: it makes a root filesystem and changes into it."

missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need buildah buildah
[ -n "${BASE:-}" ] || need mmdebstrap mmdebstrap
foreign=
if [ "$arch" != "$(dpkg --print-architecture 2>/dev/null || echo amd64)" ]; then
    foreign=yes
    need qemu-aarch64-static qemu-user-static
    need update-binfmts binfmt-support
    need arch-test arch-test
fi
if [ "${#missing[@]}" -gt 0 ]; then
    command -v apt-get >/dev/null || stop "install ${missing[*]} first."
    apt-get update -qq >/dev/null
    policy=/usr/sbin/policy-rc.d  # keeps apt from starting services
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    [ -z "$(trap)" ] || { rm "$policy" && trap - EXIT; }
fi
mkdir -p .image
cat >.image/storage.conf <<CONF
[storage]
driver = "vfs"
graphroot = "$PWD/.image/storage"
runroot = "$PWD/.image/run"
CONF
if [ -n "$foreign" ]; then
    [ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    arch-test "$arch" >/dev/null 2>&1 || update-binfmts --enable
    arch-test "$arch" >/dev/null || stop "this kernel runs no programs for $arch, even with QEMU."
    # QEMU shows this machine's /proc/cpuinfo, and ONNX Runtime falls over it: in a mount namespace of its own the rest
    # of this script sees that of an Arm Neoverse N1
    if [ "${CPUINFO:-}" != arm64 ]; then
        CPUINFO=arm64 exec unshare --mount infra/container/build.sh "$arch" "$variant"
    fi
    mount --bind infra/container/cpuinfo.arm64 /proc/cpuinfo
fi
export CONTAINERS_STORAGE_CONF=$PWD/.image/storage.conf BUILDAH_ISOLATION=chroot

if [ -z "${BASE:-}" ]; then
    BASE=localhost/kilnscan-base:$arch
    if ! buildah inspect --type image "$BASE" >/dev/null 2>&1; then
        echo "image: making a Debian for $arch"
        # what this machine's apt has been told of a mirror's dates; it does not stay in the image
        apt-config dump | grep -E '^Acquire::Check-(Valid-Until|Date) ' >.image/apt.conf || true
        mmdebstrap --quiet --variant=essential --architectures="$arch" --aptopt="$PWD/.image/apt.conf" \
            --include=ca-certificates,libexpat1,libstdc++6,python3-venv \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            --dpkgopt='path-exclude=/usr/share/man/*' \
            --customize-hook='rm "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/hostname "$1"/etc/resolv.conf' \
            bookworm .image/root.tar
        container=$(buildah from --arch "$arch" scratch)
        buildah add --quiet "$container" .image/root.tar /
        buildah commit --quiet --rm "$container" "$BASE" >/dev/null
        rm .image/root.tar .image/apt.conf
    fi
fi

secrets=()
[ ! -e /etc/pip.conf ] || secrets+=(--secret id=pip.conf,src=/etc/pip.conf)
certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
[ ! -e "$certificates" ] || secrets+=(--secret "id=certificates,src=$certificates")
SECONDS=0
buildah build --quiet --format docker --arch "$arch" --network host "${secrets[@]}" \
    --build-arg "BASE=$BASE" --build-arg "VARIANT=$variant" --build-arg "VERSION=$version" \
    --file infra/container/Containerfile --tag "$image" .
echo "image: $image, built in $SECONDS s"

container=$(buildah from --pull-never "$image")
trap 'buildah rm "$container" >/dev/null' EXIT
buildah run "$container" -- python infra/container/smoke.py
rm -f "$archive"
buildah push --quiet "$image" "oci-archive:$archive:$image"
echo "image: $(du -sm "$(buildah mount "$container")" | cut -f1) MB, as $archive $(du -m "$archive" | cut -f1) MB"
