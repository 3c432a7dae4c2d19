#!/usr/bin/env bash
# Checks and measures a GPU: the kernel tests on it, the vision tower beside PyTorch (compare-torch.md), the ladder of products, a training step (train-step.md).
# Takes about ten minutes; nothing else should use the GPU. PyTorch is taken from --python if it is there and sees CUDA, else the column stays empty.
#
#   benchmarks/measure-gpu.sh                         cuda:0, in all precisions, batches of 1 and 32
#   benchmarks/measure-gpu.sh --device opencl:0       another device, in fp32 alone
#   benchmarks/measure-gpu.sh --quick                 the same commands on ILGPU's simulator and the smallest model: seconds, no tests
#   --results DIR   another folder than benchmarks/results     --program DLL   another build; nothing is built then     --python python3
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
quick='' results='' program='' device=cuda:0 python=python3
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=1 ;;
        --results | --program | --device | --python)
            [ $# -gt 1 ] || { echo "$1 needs a value." >&2; exit 2; }
            declare "${1#--}=$2"
            shift ;;
        *) echo "Unknown argument '$1'. Usage: measure-gpu.sh [--quick] [--device cuda:0] [--results DIR] [--program DLL] [--python python3]" >&2; exit 2 ;;
    esac
    shift
done
if [ -z "$results" ]; then
    if [ -n "$quick" ]; then results=$(mktemp -d); else results=$here/results; fi
fi
if [ -z "$program" ]; then
    dotnet build -c Release "$here/AnoPLe.Gpu.Benchmarks"
    program=$here/AnoPLe.Gpu.Benchmarks/bin/Release/net10.0/AnoPLe.Gpu.Benchmarks.dll
fi

measure() { # COMMAND ARGUMENTS...
    echo "== $*"
    dotnet "$program" "$@"
}

if [ -n "$quick" ]; then
    measure compare-torch --device simulator --model tiny --precision fp32 --batch 1 --seconds 0 --results "$results"
    measure gpu-ladder --device simulator --m 8 --n 40 --k 20 --seconds 0
    echo "The tables are in $results, in the folder of this machine."
    exit
fi

# A number of a kernel that computes something else is worth nothing.
dotnet test -c Release "$here/../tests/AnoPLe.Gpu.Kernels.Tests" --filter "Backend=${device%%:*}"

precisions=fp32
case $device in cuda:*) precisions=fp32,tf32,fp16,bf16 ;; esac
peer=()
times=$(mktemp)
trap 'rm -f "$times"' EXIT
if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    "$python" "$here/peers/torch_times.py" --device "cuda:${device##*:}" --batch 1,32 --precision "$precisions" > "$times"
    peer=(--torch "$times")
else
    echo "$python has no PyTorch that sees CUDA: nothing is compared with it."
fi
measure compare-torch --device "$device" --precision "$precisions" --batch 1,32 "${peer[@]}" --results "$results"
measure gpu-ladder --device "$device"
for precision in ${precisions//,/ }; do
    measure train-step --model vit-b-16-plus-240 --device "$device/$precision" --images 1 --runs 9 --results "$results"
done
echo "The tables are in $results, in the folder of this machine."
