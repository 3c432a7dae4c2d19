#!/usr/bin/env bash
# The CPU backend's operation tests as an Arm64 process (NEON), on a machine of another kind, under QEMU's user emulation. A few minutes.
# Needs qemu-aarch64-static and Arm64's C libraries. On Debian:
#   apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross
# and libssl3 of arm64 (dpkg --add-architecture arm64; apt-get download libssl3:arm64; dpkg -x), whose folder is given in SSL_LIBRARIES.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${ARM64_ROOT:-/usr/aarch64-linux-gnu}
command -v qemu-aarch64-static > /dev/null && [ -d "$root" ] || { echo "qemu-aarch64-static or $root is missing: see the head of $0." >&2; exit 2; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
dotnet publish -c Release -r linux-arm64 --self-contained true -o "$out" "$here/AnoPLe.Gpu.Kernels.Tests"
# The emulator has no place for memory that is mapped twice, and the machine's memory is not what the process may take.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_EnableWriteXorExecute=0 DOTNET_GCHeapHardLimit=0x80000000
qemu-aarch64-static -L "$root" -E LD_LIBRARY_PATH="$out:${SSL_LIBRARIES:-}" "$out/AnoPLe.Gpu.Kernels.Tests" \
    -noColor -noLogo -preEnumerateTheories -parallel none -trait Backend=cpu -trait- Size=Large
