# Completion of PROGRAM in bash. Ids of steps have a `:`, at which bash breaks words: they are joined again, and
# what is before the last break is left out of the answers.
_PROGRAM() {
    local IFS=$'\013' rest=${COMP_LINE:0:COMP_POINT} words=() word bare i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        bare=${rest#"${rest%%[![:space:]]*}"}
        if ((i < COMP_CWORD)); then word=${COMP_WORDS[i]}; else word=$bare; fi
        if ((i > 0)) && [[ $rest == "$bare" && $rest ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        rest=${bare#"$word"}
    done
    local current=${words[${#words[@]} - 1]}
    # shellcheck disable=SC2207 # split at what IFS is here
    COMPREPLY=($(VARIABLE=bash _CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) \
        _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" COMPLETER -- "${words[@]}" 2>/dev/null))
    local broken=${current%"${current##*[:=]}"}
    if [[ $broken ]]; then COMPREPLY=("${COMPREPLY[@]#"$broken"}"); fi
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} != *[=/:] ]]; then compopt +o nospace 2>/dev/null; fi
}
complete -o nospace -o bashdefault -F _PROGRAM PROGRAM
