# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# man-helper.bash - examples of manual pages, run in a scratch root
#
# COMMIT_SAVE, COMMIT_TXN_TOOL, COMMIT_RECOVER   the tools; by default those found in PATH
# MAN_DIR                       where the pages are
#
# /etc, /var/lib and /srv in an example become directories of the scratch root,
# and ~ is its home. visudo and nginx are stand-ins that do check their input.

setup()
{
	HERE=$BATS_TEST_DIRNAME
	MAN_DIR=${MAN_DIR:-$HERE/../../man}
	EXTRACT=$HERE/../man/extract.sh
	ROOT=$(mktemp -d)
	export ROOT
	mkdir -p "$ROOT"/bin "$ROOT"/home/.ssh "$ROOT"/etc/cron.d "$ROOT"/etc/sudoers.d \
		"$ROOT"/etc/nginx "$ROOT"/var/lib/node_exporter "$ROOT"/srv/deep "$ROOT"/work
	wrapper commit-save "$(command -v "${COMMIT_SAVE:-commit-save}" || :)"
	wrapper commit-txn "$(command -v "${COMMIT_TXN_TOOL:-commit-txn}" || :)"
	wrapper commit-triple "$(command -v "${COMMIT_TRIPLE:-commit-triple}" || :)"
	wrapper commit-recover "$(command -v "${COMMIT_RECOVER:-commit-recover}" || :)"
	stand_ins
	export HOME=$ROOT/home PATH=$ROOT/bin:$PATH
	unset XDG_STATE_HOME
	export COMMIT_JOURNAL_DIR=$ROOT/journals
	umask 022
	cd "$ROOT/work" || return 1
}

teardown()
{
	cd /
	rm -rf "$ROOT"
}

# wrapper NAME PATH: not a symbolic link, PATH may be libtool's script
wrapper()
{
	if [ ! -x "$2" ]; then
		echo "no $1: set COMMIT_SAVE, COMMIT_TXN_TOOL and COMMIT_RECOVER" >&2
		return 1
	fi
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$2" > "$ROOT/bin/$1"
	chmod +x "$ROOT/bin/$1"
}

stand_ins()
{
	cat > "$ROOT/bin/visudo" <<'END'
#!/bin/sh
# visudo -c -f FILE: every line is USER HOST=...
[ "$1 $2" = '-c -f' ] && ! grep -vE '^[a-z%]+ [A-Z]+ *=' "$3" >&2
END
	cat > "$ROOT/bin/nginx" <<'END'
#!/bin/sh
# nginx -t -q -c FILE: as many braces opened as closed; nginx -s reload
if [ "$1 $2" = '-s reload' ]; then
	echo reload >> "$ROOT/reloads"
	exit 0
fi
[ "$1 $2 $3" = '-t -q -c' ] || exit 2
case $4 in
*/nginx.conf) ;;
*) exit 1 ;;
esac
[ "$(tr -cd '{' < "$4" | wc -c)" -eq "$(tr -cd '}' < "$4" | wc -c)" ]
END
	chmod +x "$ROOT/bin/visudo" "$ROOT/bin/nginx"
}

# example PAGE NAME: prints it with the scratch root's paths
script()
{
	"$EXTRACT" "$MAN_DIR/$1" "$2" > "$ROOT/example"
	sed -E "s#(^|[[:blank:]=<>])/(etc|var/lib|srv)#\1$ROOT/\2#g" "$ROOT/example" |
		tee "$ROOT/rewritten"
	# An example shall not get at the machine's own files.
	if sed "s#$ROOT/##g" "$ROOT/rewritten" | grep -E '/(etc|var|srv|root|home)/'; then
		echo "$1: $2: a path was not rewritten" >&2
		return 1
	fi
}

# example PAGE NAME: runs it, as bats' run does
example()
{
	script "$1" "$2" > "$ROOT/script" || return 1
	run --separate-stderr sh "$ROOT/script"
	# shellcheck disable=SC2154
	echo "status $status"
	# shellcheck disable=SC2154
	echo "stdout: $output"
	# shellcheck disable=SC2154
	echo "stderr: $stderr"
}

# no_leftovers: nothing of ours below the root
no_leftovers()
{
	[ -z "$(find "$ROOT" -name '.commit-*')" ]
}

# same FILE TEXT: TEXT may have backslash escapes
same()
{
	[ "$(cat "$1"; echo .)" = "$(printf %b "$2"; echo .)" ]
}

# needs_apply: the tools may be built without libarchive
needs_apply()
{
	if commit-txn apply -C "$ROOT/srv" /dev/null 2>&1 | grep -q 'without libarchive'; then
		skip 'built without libarchive'
	fi
}
