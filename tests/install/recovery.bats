#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Recovery at boot and by the clock: the report, the units, the line for cron.

bats_require_minimum_version 1.5.0

setup_file() {
	unset MAKEFLAGS MFLAGS MAKELEVEL TESTS
	made=contrib/recovery
	make -C "$LC_BUILDDIR" $made/commit-recover-report $made/commit-recover.service $made/commit-recover.cron
	export MADE="$LC_BUILDDIR/$made"
	export SOURCE="$LC_SRCDIR/$made"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir tree
	echo "$PWD/tree" >recover.conf
	export COMMIT_RECOVER="$LC_BUILDDIR/src/tools/commit-recover"
	export COMMIT_RECOVER_CONFIG="$PWD/recover.conf"
}

report() {
	run --separate-stderr sh "$MADE/commit-recover-report"
}

# orphan N: what a save that was killed leaves in tree
orphan() {
	local i
	for ((i = 0; i < $1; i++)); do
		echo new | COMMIT_FAULT=1:kill:rename "$LC_FAULT_BIN/commit-save" "tree/f$i" || :
	done
}

# An edit in place that was cut short, and a person's edit over it
conflict() {
	seq 2000 >tree/hosts
	seq 1 2 4000 | COMMIT_FAULT=2:kill:fsync "$LC_FAULT_BIN/commit-save" --in-place tree/hosts || :
	ls tree/.commit-*.inplace
	echo 'somebody was here' >tree/hosts
}

@test "silent when all is well, and when nothing is configured" {
	report
	[ "$status" -eq 0 ] && [ -z "$output$stderr" ]
	printf '# only comments\n\n' >recover.conf
	report
	[ "$status" -eq 0 ] && [ -z "$output$stderr" ]
}

@test "what was repaired is reported once, and is no failure" {
	orphan 1
	report
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *'was repaired after a crash'*'1 findings:'*'remove staged'* ]]
	report
	[ "$status" -eq 0 ] && [ -z "$output" ]
}

@test "what needs a person comes first, and says where to read on" {
	orphan 3
	conflict
	report
	echo "$output"
	[ "$status" -eq 11 ]
	[[ "$output" == *'needs a decision by a person'*'commit-recover(8)'* ]]
	[[ "$(grep -A1 'findings:' <<<"$output" | tail -n 1)" == '  conflict '* ]]
	[ "$(cat tree/hosts)" = 'somebody was here' ]
}

@test "a thousand findings are still one mail" {
	orphan 1
	name=$(basename tree/.commit-*.staged)
	# names of ours without the proof
	for ((i = 1000; i < 2000; i++)); do
		cp "tree/$name" "tree/.commit-000000000000$i-${name:25}"
	done
	report
	echo "$output"
	[ "$(wc -l <<<"$output")" -lt 60 ]
	[[ "$output" == *'... and '*' more'* ]]
}

@test "no configuration is said" {
	rm recover.conf
	report
	echo "$output"
	[ "$status" -eq 2 ]
	[[ "$output" == *'nothing was scanned'*'recover.conf'* ]]
}

@test "options of the default file reach commit-recover: metrics are written" {
	orphan 1
	COMMIT_RECOVER_OPTIONS="--prom=$PWD/commit.prom" report
	[ "$status" -eq 0 ]
	grep -q '^commit_recover_' commit.prom
	command -v promtool >/dev/null || skip 'promtool is not installed (package prometheus)'
	promtool check metrics <commit.prom
}

@test "the line for cron runs what is installed, under cron's shell and environment" {
	[ ! -d /run/systemd/system ] || skip 'systemd runs: its timer does it'
	orphan 1
	line=$(grep '^17 ' "$MADE/commit-recover.cron")
	command=${line#*root }
	installed=$(sed -n 's/.*|| \(.*commit-recover-report\)$/\1/p' <<<"$command")
	[ "${installed:0:1}" = / ]
	cp "$MADE/commit-recover-report" report
	chmod +x report
	command=${command//"$installed"/"$PWD/report"}
	command=${command//\/etc\/commit\/recover.conf/"$PWD/recover.conf"}
	run env -i PATH=/usr/bin:/bin COMMIT_RECOVER="$COMMIT_RECOVER" COMMIT_RECOVER_CONFIG="$PWD/recover.conf" \
		/bin/sh -c "$command"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *'remove staged'* ]]
	[ -z "$(find tree -name '.commit-*')" ]
	# five fields, a user, a command; cron takes % for the end of the line
	while read -r minute _ _ _ _ user rest; do
		case $minute in
		'#'* | SHELL=* | @reboot) continue ;;
		esac
		[ "$user" = root ] && [[ "$rest" != *%* ]]
	done <"$MADE/commit-recover.cron"
}

@test "the units are verified by systemd, and are hardened" {
	command -v systemd-analyze >/dev/null || skip 'systemd-analyze is not installed'
	installed=$(sed -n 's/^ExecStart=//p' "$MADE/commit-recover.service")
	printf '#!/bin/sh\n' >report
	chmod +x report
	sed "s|$installed|$PWD/report|" "$MADE/commit-recover.service" >commit-recover.service
	cp "$SOURCE/commit-recover.timer" .
	run systemd-analyze verify --man=no ./commit-recover.service ./commit-recover.timer
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" != *commit-recover.* ]]
	# 0 is safe, 10 is not: what it must do keeps it from less than this
	systemd-analyze security --offline=true --threshold=50 ./commit-recover.service
}

@test "tmpfiles makes the directory of journals, for the superuser alone" {
	command -v systemd-tmpfiles >/dev/null || skip 'systemd-tmpfiles is not installed'
	[ "$(id -u)" -eq 0 ] || skip 'not root'
	mkdir -p root/var/lib
	systemd-tmpfiles --root="$PWD/root" --create "$SOURCE/commit-recover.tmpfiles"
	[ "$(stat -c %a:%U root/var/lib/commit)" = 700:root ]
}
