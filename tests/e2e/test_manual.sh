#!/usr/bin/env bash
# What is made of the tables of commands and settings (docs/manual.md, the man page, completion for bash), what `make
# install` puts where, and the pages that are written by hand: their length and their links.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

say "docs/manual.md is what the program prints"
run tec help --page markdown
cp "$out" manual.md
diff "$repository/docs/manual.md" manual.md >"$out" || fail "docs/manual.md is not up to date: run make docs"

say "the man page has no mistakes"
run tec help --page man
cp "$out" tec.1
if command -v groff >/dev/null; then
    groff -man -ww -z tec.1 2>warnings
    [[ ! -s warnings ]] || fail "groff: $(head -n 5 warnings)"
else
    echo "SKIPPED: the man page: there is no groff"
fi

say "which tec this is, and with which libraries"
for option in --version -V; do
    run tec $option
    for name in '^tec ' MPI HDF5 libyaml jansson libjpeg libpng zlib libzip protobuf-c libwebp libtiff giflib openjpeg; do
        grep -q "$name" "$out" || fail "tec $option does not say $name"
    done
done

# ---- completion ----

run tec help --page bash
cp "$out" completion.bash
# Completes the last of its arguments. compopt is for functions that readline calls.
cat >complete <<'SH'
compopt() { :; }
source "${0%/*}/completion.bash"
COMP_WORDS=(tec "$@") COMP_CWORD=$#
_tec
echo "${COMPREPLY[*]}"
SH

# expect_completion WANTED WORD ...: what completing the last word gives. `=` is a word of its own, as it is to bash.
expect_completion() {
    local wanted=$1 got
    shift
    got=$(bash -u "$here/complete" "$@")
    [[ $got == "$wanted" ]] || fail "completion of 'tec $*': '$got' instead of '$wanted'"
}

say "completion: commands, options, settings, values, else files"
mkdir empty && cd empty
expect_completion 'pretrain predict' pre
expect_completion finetune fine
expect_completion "--version" --v
expect_completion "$(tec help | sed -n '/^Commands:/,/^$/s/^ [* ] \([a-z]*\) .*/\1/p' | paste -sd ' ' | sed 's/^/--help --version /')" ''
expect_completion 'knn' help kn
expect_completion '--fresh' pretrain --fr
expect_completion '--fresh' pretrain --fresh --fr
expect_completion 'timm tec hf' export --names ''
expect_completion 'hf' export --names = h
expect_completion 'markdown man bash' help --page = # the word to be completed is the =
expect_completion 'pretrain.mask_ratio= pretrain.masks_per_image=' pretrain pretrain.mask
expect_completion 'pretrain.mask_ratio= pretrain.masks_per_image=' pretrain --fresh pretrain.mask
expect_completion '' knn pretrain.
expect_completion 'cls mean' knn eval.pooling =
expect_completion 'mean' knn eval.pooling = m
expect_completion 'eval.pooling=mean' knn eval.pooling=m # where COMP_WORDBREAKS has no =
expect_completion 'true false' pretrain data.flip =
expect_completion '' pretrain data.flip = x
touch photos.yaml
expect_completion 'photos.yaml' pretrain -c ''
expect_completion 'photos.yaml' pretrain data.train = pho
expect_completion 'photos.yaml' inspect pho
expect_completion 'data.train=' pretrain -c photos.yaml data.tr
expect_completion 'data.labels= data.on_bad_image=' pack data.
cd ..

# ---- make install ----

say "make install"
# `-o all`: what has been built is installed as it is, whatever it was built with.
run make -s -C "$repository" -o all install PREFIX="$here/prefix" DESTDIR= BUILD="${program%/tec}"
share=prefix/share
for file in prefix/bin/tec $share/man/man1/tec.1 $share/bash-completion/completions/tec \
    $share/tec/slurm/{submit,{common,training}.sh,site.example,{targets,pretrain,evaluate,finetune}.sbatch} \
    $share/tec/configs/{fashion_mnist,fashion_mnist_base,imagenette_mae,imagenette_tec,vit_base}.yaml; do
    expect_file "$file"
done
for file in prefix/bin/tec $share/tec/slurm/submit; do
    [[ -x $file ]] || fail "$file is not executable"
done
cmp tec.1 $share/man/man1/tec.1
cmp completion.bash $share/bash-completion/completions/tec
expect_exit 0 '^Usage: tec COMMAND' prefix/bin/tec help
expect_exit 0 '^Usage: tec knn' prefix/bin/tec help knn
expect_exit 0 '^Usage: slurm/submit' $share/tec/slurm/submit --help
expect_exit 0 "^sbatch .*$share/tec/slurm/pretrain.sbatch" env PATH="$here/prefix/bin:$PATH" $share/tec/slurm/submit \
    --dry-run -c $share/tec/configs/fashion_mnist_base.yaml
for config in "$share"/tec/configs/*.yaml; do
    run prefix/bin/tec settings -c "$config"
done

# ---- pages ----

say "README.md is short, links lead somewhere, and functions and files that pages name are there"
(($(wc -l <"$repository/README.md") <= 130)) || fail "README.md has more than 130 lines"

# anchors FILE: of its headings, as GitHub makes them.
# shellcheck disable=SC2016 # the backquotes are those of the page
anchors() {
    sed -n '/^```/,/^```/d; s/^#\{1,6\} //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

links=0
for page in "$repository"/README.md "$repository"/docs/*.md; do
    while read -r target; do
        [[ $target != *://* ]] || continue
        links=$((links + 1))
        file=${page%/*}/${target%%#*}
        [[ -n ${target%%#*} ]] || file=$page
        [[ -e $file ]] || fail "${page#"$repository"/}: there is no $target"
        [[ $target != *#* ]] || anchors "$file" | grep -Fxqe "${target#*#}" ||
            fail "${page#"$repository"/}: $target: there is no such heading"
    done < <(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//')
done
((links > 20)) || fail "$links links only: this tests nothing"

grep -rhow 'tec_[a-z0-9_]*' "$repository"/{include,src,jobs} | sort -u >names
# shellcheck disable=SC2016 # as above
while IFS=: read -r page name; do
    if [[ $name == tec_* ]]; then
        grep -Fxqe "$name" names || fail "${page#"$repository"/}: there is no $name"
    elif [[ $name != *[A-Z]* ]]; then
        [[ -e $repository/$name ]] || fail "${page#"$repository"/}: there is no file $name"
    fi
done < <(grep -oHE '`(tec_[a-z0-9_]+|(src|include|jobs|tests|configs)/[A-Za-z0-9_./]*)`' "$repository"/README.md \
    "$repository"/docs/*.md | tr -d '`')
