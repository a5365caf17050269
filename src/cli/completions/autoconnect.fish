# Completion of autoconnect for fish: the program answers with what fits, a word and its meaning on each line.
function __autoconnect_complete
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    set -l answer (command autoconnect __complete fish $before "$word" 2>/dev/null </dev/null)
    if test "$answer[1]" = files
        set -l option (string match --regex -- '^--[^=]*=' "$word")
        for path in (__fish_complete_path (string replace -- "$option" '' "$word"))
            echo -- "$option$path"
        end
    else
        string join -- \n $answer[2..-1]
    end
end
complete --command autoconnect --no-files --keep-order --arguments '(__autoconnect_complete)'
