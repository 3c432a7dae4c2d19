#!/usr/bin/env bash
# Measures the tables of results/ on this machine and writes them: compare-ort.md, cold-start.md, train-step.md, ladder.md.
# Rows that were there are replaced, others stay. Takes about ten minutes on two cores; nothing else should run.
#
#   benchmarks/measure.sh                      everything, into benchmarks/results/MACHINE
#   benchmarks/measure.sh --large              and the image towers of the larger public models: five minutes more, 8 GB of memory
#   benchmarks/measure.sh --quick              the same commands on the smallest model, into a temporary folder: seconds
#   --results DIR   another folder             --program DLL, --anople DLL   other builds; nothing is built then
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
quick='' large='' results='' program='' anople=''
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=1 ;;
        --large) large=1 ;;
        --results | --program | --anople)
            [ $# -gt 1 ] || { echo "$1 needs a value." >&2; exit 2; }
            declare "${1#--}=$2"
            shift ;;
        *) echo "Unknown argument '$1'. Usage: measure.sh [--quick | --large] [--results DIR] [--program DLL] [--anople DLL]" >&2; exit 2 ;;
    esac
    shift
done
[ -z "$quick" ] || [ -z "$large" ] || { echo '--quick and --large exclude each other.' >&2; exit 2; }
if [ -z "$results" ]; then
    if [ -n "$quick" ]; then results=$(mktemp -d); else results=$here/results; fi
fi
if [ -z "$program" ]; then
    dotnet build -c Release "$here/AnoPLe.Gpu.Benchmarks" # builds anople, too
    program=$here/AnoPLe.Gpu.Benchmarks/bin/Release/net10.0/AnoPLe.Gpu.Benchmarks.dll
fi
cold=(--threads 0)
[ -z "$anople" ] || cold+=(--anople "$anople")

measure() { # COMMAND ARGUMENTS...
    echo "== $*"
    dotnet "$program" "$@" --results "$results"
}

if [ -n "$quick" ]; then
    for tower in image text; do
        measure compare-ort --model tiny --tower "$tower" --batch 1,8 --threads 1,2 --runs 3
    done
    measure compare-cold --model tiny --runs 2 "${cold[@]}"
    measure train-step --model tiny --threads 2 --runs 1
    measure ladder --m 24 --n 64 --k 64 --threads 1,2 --seconds 0.01
else
    for tower in image text; do
        measure compare-ort --model vit-b-16-plus-240 --tower "$tower" --batch 1,8 --threads 1,2 --runs 9
    done
    for model in ${large:+vit-b-32 vit-b-16 vit-l-14}; do
        measure compare-ort --model "$model" --batch 1 --threads 1,2 --runs 5
    done
    for model in ${large:+vit-l-14-336}; do
        measure compare-ort --model "$model" --batch 1 --threads 1,2 --runs 3
    done
    measure compare-cold --model vit-b-16-plus-240 --runs 15 "${cold[@]}"
    for model in vit-b-16 vit-b-16-plus-240; do
        measure train-step --model "$model" --images 1 --runs 5
    done
    measure ladder --threads 1,2 --seconds 0.5
fi
echo "The tables are in $results, in the folder of this machine."
