#!/usr/bin/env bash
# Run the demo with the aarch64 wheel of a folder on this x86-64 machine, by Debian's qemu-user and Debian's Python 3.11.
# It installs the one from Debian, and needs to be root for it.
set -euo pipefail

wheel=$(realpath "$(ls "$1"/dsdm-*manylinux*aarch64.whl)")
python=$(realpath "$2")
packages=(python3.11 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 libstdc++6 zlib1g libexpat1
  libssl3 libffi8 libbz2-1.0 liblzma5 libuuid1 libsqlite3-0 libcrypt1)

dpkg --add-architecture arm64
apt-get update --quiet
apt-get install --yes --quiet qemu-user-static

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get download --quiet "${packages[@]/%/:arm64}"
for package in *.deb; do dpkg -x "$package" root; done
"$python" -m pip download --quiet --only-binary :all: --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none \
  --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux_2_28_aarch64 --dest wheels "$wheel"
for one in wheels/*.whl; do "$python" -m zipfile -e "$one" site; done

on_arm() {
  qemu-aarch64-static -L root -E PYTHONPATH="$work/site" root/usr/bin/python3.11 "$@"
}
on_arm -c 'import platform, dsdm; print("dsdm", dsdm.__version__, "on", platform.machine())'
on_arm -m dsdm demo demo --rows 400
on_arm -m dsdm verify demo/subsets/dsdm-squad
