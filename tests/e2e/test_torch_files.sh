#!/usr/bin/env bash
# PyTorch's files against PyTorch: what it writes is read, what is written it reads, what attacks is refused.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null ||
    skip "PyTorch is not there (Debian: python3-torch; make deps-tests): its files are not compared with it"
compare=$(dirname "$program")/tests/unit/test_torch_files
make_torch=$repository/tests/data/make_torch.py

say "files of every form"
"$python" "$make_torch" files
"$compare" compare files >"$out" 2>&1 || fail "what is read is not what PyTorch wrote"
compared=$(sed -n 's/ files compared//p' "$out")
((compared > 100)) || fail "only $compared files were compared"

say "files that run commands when PyTorch or Python loads them"
(($(find files -name 'evil-*.pth' | wc -l) > 20)) || fail "they are not there"
[[ -z $(find . -name 'tec-canary') ]] || fail "a command of a pickle was run"
# The files do what they are for, or their refusal shows nothing.
"$python" -c 'import pickle, sys; pickle.load(open(sys.argv[1], "rb"))' files/evil-global-bare.pth >"$out" 2>&1 || true
[[ -e tec-canary ]] || fail "files/evil-global-bare.pth is harmless"

say "files that we write"
"$compare" write written.pth
"$python" "$make_torch" --check written.pth >"$out" 2>&1 || fail "PyTorch does not read what was written"
