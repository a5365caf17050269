# Completion of autoconnect for bash: the program answers with what fits, one word a line.
_autoconnect() {
    local word answer=
    COMPREPLY=()
    while IFS= read -r word; do
        if [[ -z $answer ]]; then
            answer=$word
        else
            COMPREPLY+=("$word")
        fi
    done < <(command autoconnect __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null)
    # bash before version 4 has no compopt: there, files are offered where nothing fits.
    if [[ $answer != files ]]; then
        compopt +o default +o bashdefault 2>/dev/null
    fi
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -o bashdefault -o default -F _autoconnect autoconnect
