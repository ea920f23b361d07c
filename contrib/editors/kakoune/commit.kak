# SPDX-License-Identifier: ISC
# commit.kak - write files through commit-save: wholly old or wholly new
#
#     source /usr/share/kak/autoload/commit.kak        if it is not loaded by itself
#     set-option global commit_save_options --lock     more options of commit-save(1)
#     commit-write-enable                              :w, :wq and :x are commit-write
#
# :write remains Kakoune's own. Line ends and byte order mark are kept by Kakoune,
# which writes the copy that commit-save takes, and which always writes a final
# newline. A save that fails leaves the buffer modified and the file as it was.

declare-option -docstring 'options of commit-save(1), separated by blanks' str commit_save_options

define-command commit-write -params ..1 -file-completion -docstring \
'commit-write [<filename>]: write the buffer through commit-save(1)' %{
    evaluate-commands -save-regs c %{
        set-register c %sh{ mktemp "${TMPDIR:-/tmp}/kak-commit.XXXXXX" }
        try %{ write! -sync %reg{c} } catch %{
            nop %sh{ rm -f -- "$kak_reg_c" }
            fail "commit-write: %val{error}"
        }
        evaluate-commands %sh{
            file=${1:-$kak_buffile}
            # shellcheck disable=SC2086 # words
            said=$(commit-save $kak_opt_commit_save_options -- "$file" <"$kak_reg_c" 2>&1)
            status=$?
            rm -f -- "$kak_reg_c"
            quoted=$(printf %s "${said:-commit-save: $file: status $status}" | sed "s/'/''/g")
            case $status in
            # there, or there and not proven to be on the disk
            0 | 3)
                [ "$file" != "$kak_buffile" ] || echo 'edit!'
                [ -n "$said" ] || quoted=$(printf %s "'$file' committed" | sed "s/'/''/g")
                printf "echo -- '%s'\n" "$quoted"
                ;;
            *) printf "fail -- '%s'\n" "$quoted" ;;
            esac
        }
    }
}

define-command -hidden commit-write-quit -params ..1 %{
    commit-write
    quit %arg{@}
}

define-command commit-write-enable -docstring 'write through commit-save(1) by :w, :wq and :x' %{
    alias global w commit-write
    alias global wq commit-write-quit
    alias global x commit-write-quit
}
