# SPDX-License-Identifier: ISC
# complete.zsh DIR TEXT WANTED - what zsh makes of TEXT and a tab, in a terminal
# of its own, with the completions of DIR. Ends with 0 once WANTED is on the
# screen, with 1 and the screen if it isn't after twenty seconds.
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "PROMPT='> '; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' complete-word; unsetopt zle_bracketed_paste; print RE''ADY"

# The screen so far, up to a text that is waited for
screen=
wait_for() {
	local -i n
	local piece
	for ((n = 0; n < 200; n++)); do
		while zpty -rt shell piece; do screen+=$piece; done
		[[ $screen == *${~1}* ]] && return 0
		sleep 0.1
	done
	return 1
}

wait_for READY || exit 1
screen=
zpty -w -n shell "$2"$'\t'
wait_for $3
found=$?
((found == 0)) || print -r -- $screen
zpty -d shell
exit $found
