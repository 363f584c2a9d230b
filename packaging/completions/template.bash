# Completion of PROGRAM for bash. Made by packaging/completions/make_completions.py from PROGRAM --describe.
# TABLES
# What stands for a value or a positional, of the kind $1.
_PROGRAM_offer() {
  case $1 in
    'words '*) mapfile -t COMPREPLY < <(compgen -W "${1#words }" -- "$cur") ;;
    'ask '*) mapfile -t COMPREPLY < <(compgen -W "$("${words[0]}" --complete "${1#ask }" 2>/dev/null | cut -f 1)" -- "$cur") ;;
    files) _filedir ;;
    directories) _filedir -d ;;
  esac
}

_PROGRAM() {
  local cur prev words cword split
  _init_completion -s -n : || return
  local at=PROGRAM place=0 i word
  for ((i = 1; i < cword; i++)); do
    word=${words[i]}
    if [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _PROGRAM_value "$at $word" >/dev/null; then ((i++)); fi
    elif _PROGRAM_commands "$at" | grep -qxF -- "$word"; then
      at="$at $word"
    else
      ((place++))
    fi
  done
  local what
  if what=$(_PROGRAM_value "$at $prev"); then
    _PROGRAM_offer "$what"
    return
  fi
  $split && return
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_PROGRAM_options "$at")" -- "$cur")
    return
  fi
  if _PROGRAM_commands "$at" >/dev/null; then
    mapfile -t COMPREPLY < <(compgen -W "$(_PROGRAM_commands "$at")" -- "$cur")
  elif what=$(_PROGRAM_position "$at $place"); then
    _PROGRAM_offer "$what"
  fi
}
complete -F _PROGRAM PROGRAM
