# Completion of PROGRAM for fish. Made by packaging/completions/make_completions.py from PROGRAM --describe.
# The command that the line has come to, then the number of positionals behind it.
function __PROGRAM_read
    set -l at PROGRAM
    set -l place 0
    set -l skip 0
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            if not string match -q -- '*=*' $word; and __PROGRAM_takes_value $at $word
                set skip 1
            end
        else if __PROGRAM_is_command $at $word
            set at $at $word
        else
            set place (math $place + 1)
        end
    end
    echo $place
    string join ' ' $at
end

function __PROGRAM_at
    set -l read (__PROGRAM_read)
    test "$read[2]" = "$argv"
end

function __PROGRAM_place
    set -l read (__PROGRAM_read)
    test "$read[1]" = "$argv[1]"
end

function __PROGRAM_ask
    set -l tokens (commandline -opc)
    $tokens[1] --complete $argv[1] 2>/dev/null
end

complete -c PROGRAM -f
