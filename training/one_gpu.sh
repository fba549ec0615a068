#!/usr/bin/env bash
# Trains the bundled generator in three commands of ten minutes on one GPU; training/one_gpu.md says how.
# Usage: bash training/one_gpu.sh PART, from the repository's root; PART is 1, 2 or 3.
#
# Settings (environment): LIMIT seconds of this command; MINUTES of training in all; BATCH; CHANNELS "base most";
# VARIANTS pictures a photo; FROM a kept state to begin from; CARRIED the folder with faces.safetensors;
# RUN where everything is written (kept while the machine is); OUT what comes back; EXTRA options of `train generator`.
set -euo pipefail
PART=${1:?give the part: 1, 2 or 3}
LIMIT=${LIMIT:-570} MINUTES=${MINUTES:-900} BATCH=${BATCH:-32} CHANNELS=${CHANNELS:-4096 256} VARIANTS=${VARIANTS:-6}
CARRIED=${CARRIED:-runs/packed} RUN=${RUN:-runs/gpu} OUT=${OUT:-runs/out} FROM=${FROM:-} EXTRA=${EXTRA:-}
PYTHON=${PYTHON:-python3} PYTHONPATH=$PWD/src:${PYTHONPATH:-}
export PYTHONPATH PYTHONUNBUFFERED=1
mkdir -p "$RUN" "$OUT"
facsmith() { "$PYTHON" -m facsmith "$@"; }
left() { echo $((LIMIT - SECONDS - ${1:-0})); }
# Ctrl-C after so many seconds: the engine saves its state and stops. 124: the time was over, as planned.
for_seconds() { timeout --foreground --signal=INT --kill-after=40 "$1" "${@:2}" || [ $? -eq 124 ]; }

if [ ! -f "$RUN/data/attributes.npz" ] || [ ! -f "$RUN/data/codes.npy" ]; then
    facsmith train data "$CARRIED/faces.safetensors" -o "$RUN/data" --variants "$VARIANTS" --workers "$(nproc)"
    echo "data after $SECONDS s"
fi

# What is kept back: to write the files, and in part 3 to train the encoder.
reserve=$([ "$PART" = 3 ] && echo "${RESERVE:-170}" || echo 40)
# shellcheck disable=SC2086  # CHANNELS and EXTRA are several words
for_seconds "$(left "$reserve")" "$PYTHON" -m facsmith train generator "$RUN/data" -o "$RUN/generator" \
    --minutes "$MINUTES" --batch "$BATCH" --channels $CHANNELS --snapshot 2.5 ${FROM:+--from "$FROM"} $EXTRA
echo "trained after $SECONDS s"

if [ "$PART" = 3 ]; then
    encoder_minutes=$(awk "BEGIN { print ($(left 45)) / 60 }")
    for_seconds "$(left 20)" "$PYTHON" -m facsmith train encoder "$RUN/generator/generator.safetensors" \
        src/facsmith/weights/face128/descriptor.safetensors --faces "$RUN/data" --trained "$RUN/generator" \
        -o "$RUN/encoder" --minutes "$encoder_minutes"
    cp "$RUN/encoder/encoder.safetensors" "$OUT/"
fi

# Eight files of 15 MB at most: the state in pieces (cat them together), the generator, metrics, the last sheets.
facsmith train keep "$RUN/generator" -o "$RUN/kept.safetensors" --corrections
split -b 15000000 -d -a 1 "$RUN/kept.safetensors" "$OUT/kept.safetensors."
cp "$RUN/generator/generator.safetensors" "$RUN/generator/metrics.jsonl" "$OUT/"
for kind in sheet samples; do
    newest=$(find "$RUN/generator" -name "$kind-*.png" | sort | tail -1)
    [ -z "$newest" ] || cp "$newest" "$OUT/$kind.png"
done
tail -2 "$RUN/generator/metrics.jsonl"
ls -l "$OUT"
echo "part $PART done after $SECONDS s"
