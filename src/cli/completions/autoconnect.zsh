#compdef autoconnect
# Completion of autoconnect for zsh: the program answers with what fits, a word and its meaning on each line.
_autoconnect() {
    local line word
    local -a answer fits
    answer=("${(@f)$(command autoconnect __complete zsh "${(@Q)words[1,CURRENT-1]}" "$PREFIX" 2>/dev/null </dev/null)}")
    if [[ ${answer[1]} == files ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '--*='
        _files
        return
    fi
    for line in "${(@)answer[2,-1]}"; do
        word=${${line%%$'\t'*}//:/\\:}
        if [[ $line == *$'\t'* ]]; then
            fits+=("$word:${line#*$'\t'}")
        else
            fits+=("$word")
        fi
    done
    (( $#fits )) && _describe -V autoconnect fits
}
if [[ ${funcstack[1]} == _autoconnect ]]; then
    _autoconnect "$@"
else
    compdef _autoconnect autoconnect
fi
