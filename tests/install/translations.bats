#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Messages in the user's language, and those of the C locale, which do not change.

bats_require_minimum_version 1.5.0

setup_file() {
	unset MAKEFLAGS MFLAGS MAKELEVEL TESTS
	grep -q '^po_install = ' "$LC_BUILDDIR/Makefile" || return 0
	make -C "$LC_BUILDDIR" po/de.mo
	# shellcheck disable=SC2016 # make's
	LOCALEDIR=$(printf 'include Makefile\nshow:\n\t@echo $(localedir)\n' | make -s -C "$LC_BUILDDIR" -f - show)
	export LOCALEDIR
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	[ -n "${LOCALEDIR:-}" ] || skip 'built without translations'
}

# in_german COMMAND...: with the catalogue where make install would put it
in_german() {
	local above=$LOCALEDIR namespace='unshare -m'
	! readelf -l "$(command -v commit-save)" | grep -q ld-musl || skip 'musl knows no LANGUAGE'
	locale -a | grep -qi '^C.utf-\?8$' || skip 'no locale C.UTF-8'
	[ "$(id -u)" -eq 0 ] || namespace='unshare -Urm'
	$namespace true 2>/dev/null || skip 'may not make a mount namespace'
	while [ ! -d "$above" ]; do
		above=${above%/*}
		[ -n "$above" ] || skip "$LOCALEDIR cannot be covered"
	done
	# shellcheck disable=SC2016 # the inner shell's
	$namespace sh -c 'mount -t tmpfs none "$1" && mkdir -p "$2/de/LC_MESSAGES" &&
		cp "$3" "$2/de/LC_MESSAGES/libcommit.mo" && shift 3 &&
		LC_ALL=C.UTF-8 LANGUAGE=de exec "$@"' sh "$above" "$LOCALEDIR" "$LC_BUILDDIR/po/de.mo" "$@"
}

@test "in German: of the tools, of the library, and of both with values in them" {
	run -2 in_german commit-save
	[ "$output" = 'commit-save: FILE fehlt; siehe commit-save --help' ]
	run -2 in_german commit-save -m rubbish f
	[[ "$output" == *'»rubbish« ist kein Modus wie 640'* ]]
	run -4 in_german commit-save f </dev/null
	[[ "$output" == *'die Eingabe ist leer (--allow-empty'* ]]
	run -4 in_german commit-save f -- false
	[[ "$output" == *'false endete mit Status 1; die Datei blieb, wie sie war' ]]
	run -2 in_german commit-txn script -C . <<<nonsense
	[[ "$output" == *'Zeile 1: diese Operation gibt es nicht; nichts wurde geändert'* ]]
}

@test "what is printed for programs is the same in all languages" {
	echo old >f
	run -0 in_german commit-save -n f <<<new
	[ "$output" = 'would replace f (4 bytes)' ]
	run -0 in_german commit-recover --help
	[ "$output" = "$(commit-recover --help)" ]
}

@test "in the C locale a language changes nothing, and without a catalogue nothing is missing" {
	run -2 env LC_ALL=C LANGUAGE=de commit-save
	[ "$output" = 'commit-save: FILE is missing; see commit-save --help' ]
	run -2 in_german env LC_ALL=C commit-save
	[ "$output" = 'commit-save: FILE is missing; see commit-save --help' ]
	run -2 in_german env LANGUAGE=xx commit-save
	[ "$output" = 'commit-save: FILE is missing; see commit-save --help' ]
}

@test "make pot finds what the tools say, and what the library says" {
	command -v xgettext >/dev/null || skip 'gettext is not installed'
	unset MAKEFLAGS MFLAGS MAKELEVEL TESTS
	make -C "$LC_BUILDDIR" pot
	pot=$LC_BUILDDIR/po/libcommit.pot
	for message in 'FILE is missing' 'input is empty (--allow-empty writes an empty file)' 'no such operation' \
		'the length is no number of bytes' 'a device, a fifo or a socket' '; commit-recover finishes it'; do
		grep -qF "msgid \"$message\"" "$pot" || { echo "not found: $message"; false; }
	done
	# no translation is of something that is gone
	msgcmp --use-untranslated "$LC_SRCDIR/po/de.po" "$pot"
}
