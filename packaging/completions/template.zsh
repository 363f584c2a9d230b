#compdef PROGRAM
# Completion of PROGRAM for zsh. Made by packaging/completions/make_completions.py from PROGRAM --describe.
# TABLES
# What stands for a value or a positional, of the kind $1.
_PROGRAM_offer() {
  case $1 in
    'words '*) compadd -- ${=1#words } ;;
    'ask '*)
      local -a known
      known=("${(@f)$(${words[1]} --complete ${1#ask } 2>/dev/null)}")
      known=(${known//:/\\:})
      known=(${known/$'\t'/:})
      _describe value known
      ;;
    files) _files ;;
    directories) _files -/ ;;
  esac
}

_PROGRAM() {
  local at=PROGRAM place=0 i=2 word what
  local -a below
  while ((i < CURRENT)); do
    word=${words[i]}
    if [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _PROGRAM_value "$at $word" >/dev/null; then ((i++)); fi
    elif _PROGRAM_commands "$at" 2>/dev/null | grep -q -- "^$word:"; then
      at="$at $word"
    else
      ((place++))
    fi
    ((i++))
  done
  if [[ ${words[CURRENT]} == --*=* ]] && what=$(_PROGRAM_value "$at ${words[CURRENT]%%=*}"); then
    compset -P '*='
    _PROGRAM_offer "$what"
  elif ((CURRENT > 2)) && what=$(_PROGRAM_value "$at ${words[CURRENT - 1]}"); then
    _PROGRAM_offer "$what"
  elif [[ ${words[CURRENT]} == -* ]]; then
    below=("${(@f)$(_PROGRAM_options "$at")}")
    _describe -o option below
  elif what=$(_PROGRAM_commands "$at"); then
    below=("${(@f)what}")
    _describe command below
  elif what=$(_PROGRAM_position "$at $place"); then
    _PROGRAM_offer "$what"
  fi
}

_PROGRAM "$@"
