#!/bin/sh
# SPDX-License-Identifier: ISC
# quickstart.sh - build libcommit and watch commit-save keep files whole
#
# Installs what the build needs, builds below build/quickstart, then works on
# copies of real files of this machine in a scratch directory. Nothing outside
# that directory is changed, and nothing is installed but the packages.
#
# QUICKSTART_KILLS=N sets how many saves are killed (default 300).
set -u

source_dir=$(cd "${0%/*}/.." && pwd) || exit 1
build_dir=$source_dir/build/quickstart
kills=${QUICKSTART_KILLS:-300}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else
	bold='' green='' red='' plain=''
fi

headline() {
	printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

good() {
	printf '  %sok%s    %s\n' "$green" "$plain" "$1"
}

give_up() {
	printf '  %sfailed%s  %s\n' "$red" "$plain" "$1" >&2
	exit 1
}

# step LOGFILE WHAT COMMAND...
step() {
	log=$1
	what=$2
	shift 2
	printf '  ...   %s\n' "$what"
	"$@" >"$log" 2>&1 </dev/null && return
	tail -n 20 "$log" >&2
	give_up "$what (all of it: $log)"
}

# ---------------------------------------------------------------- the build

build() {
	headline '1. What the build needs'
	packages_log=$build_dir/packages.log
	# shellcheck source=contrib/packages.sh
	. "$source_dir/contrib/packages.sh"
	packages_need build | sed 's/^/  /'

	headline '2. Build'
	[ ! -e "$source_dir/config.status" ] || give_up "configured inside the source tree: run 'make distclean' first"
	cd "$source_dir" || exit 1
	step "$build_dir/autoreconf.log" 'autoreconf -fi' autoreconf -fi
	cd "$build_dir" || exit 1
	step configure.log 'configure' "$source_dir/configure"
	sed -n '/^libcommit /,/^$/p' configure.log | sed 's/^/        /'
	step make.log 'make' make -j"$(nproc 2>/dev/null || echo 1)"
	rm -rf "$build_dir/stage"
	step install.log 'make install DESTDIR=build/quickstart/stage' make install DESTDIR="$build_dir/stage"
	PATH=$build_dir/stage/usr/local/bin:$build_dir/stage/usr/local/sbin:$PATH
	LD_LIBRARY_PATH=$build_dir/stage/usr/local/lib
	export PATH LD_LIBRARY_PATH
	good "$(commit-save --version | head -n 1)"
}

# ------------------------------------------------------------- real material

# copy_of NAME FILE...: the first FILE that is there becomes NAME
copy_of() {
	name=$1
	shift
	for file in "$@"; do
		if [ ! -s "$file" ] || [ ! -r "$file" ]; then continue; fi
		cp "$file" "$name"
		printf '        %-10s %9d bytes, a copy of %s\n' "$name" "$(wc -c <"$name")" "$file"
		return
	done
}

collect_files() {
	headline '3. Real files of this machine'
	copy_of packages /var/lib/dpkg/status /lib/apk/db/installed
	if [ ! -s packages ] && command -v rpm >/dev/null; then
		rpm -qa --qf '%{NAME} %{VERSION} %{SUMMARY}\n' >packages
	elif [ ! -s packages ] && command -v pacman >/dev/null; then
		pacman -Qi >packages
	fi
	copy_of services /etc/services /usr/share/nmap/nmap-services
	copy_of words /usr/share/dict/words
	copy_of fstab /etc/fstab
	copy_of passwd /etc/passwd
	[ -s packages ] || find /usr/share -type f >packages 2>/dev/null
	[ -s services ] || cp passwd services
	[ -s packages ] || give_up 'found no file to work on'
}

# refused FILE WHAT: the last save ended with 4 and FILE still has $sum
refused() {
	if [ "$status" -ne 4 ] || [ "$sum" != "$(cksum <"$1")" ]; then
		cat message >&2
		give_up "$2: status $status"
	fi
}

show_saves() {
	headline '4. Saves'
	chmod 640 services
	before=$(stat -c %a services)
	commit-save services -- sort services || give_up 'commit-save services -- sort services'
	sort -c services || give_up 'services is not sorted'
	[ "$before" = "$(stat -c %a services)" ] || give_up 'the mode changed'
	good 'commit-save services -- sort services      (reads and writes the same file; mode kept)'

	# shellcheck disable=SC2094 # reading and writing one file is the point
	cut -d : -f 1 <passwd | commit-save passwd || give_up 'cut | commit-save passwd'
	good 'cut -d : -f 1 <passwd | commit-save passwd (so does this)'

	sum=$(cksum <packages)
	commit-save packages -- sh -c 'head -n 100 packages; exit 1' 2>message
	status=$?
	refused packages 'a failing producer'
	good 'commit-save packages -- CMD that fails     (status 4, packages as it was; it says:)'
	sed 's/^/          /' message

	head -c 0 packages | commit-save packages 2>message
	status=$?
	refused packages 'empty input'
	good 'no-such-tool | commit-save packages        (empty input is refused; it says:)'
	sed 's/^/          /' message

	token=$(commit-save --token services)
	echo '# edited by somebody else' >>services
	sum=$(cksum <services)
	commit-save --expect="$token" services -- sed 's/tcp/TCP/' services 2>message
	status=$?
	refused services 'a lost update'
	good 'commit-save --expect=TOKEN services -- ... (edited in between: refused, nobody loses work)'
}

# --------------------------------------------------------------- the killing

# moments COUNT SECONDS: that many random times between 0 and SECONDS, one a line
moments() {
	od -An -v -N "$((4 * $1))" -tu4 /dev/urandom | tr -s ' ' '\n' |
		awk -v most="$2" 'NF { printf "%.5f\n", $1 / 4294967296 * most }'
}

# How long one save takes, in seconds: of two dozen, measured
time_of_save() {
	begin=$(cut -d ' ' -f 1 /proc/uptime)
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
		commit-save packages -- cat version-a || return 1
	done
	end=$(cut -d ' ' -f 1 /proc/uptime)
	awk -v b="$begin" -v e="$end" 'BEGIN { t = (e - b) / 24; printf "%.5f", t < 0.001 ? 0.001 : t }'
}

progress() {
	[ -t 1 ] || return 0
	printf '\r        %d of %d killed' "$died" "$kills"
}

# kill_one SECONDS: a save of version-$next, killed after that time
kill_one() {
	# exec: the process that is killed is commit-save itself
	(exec commit-save packages -- cat "version-$next") 2>/dev/null &
	victim=$!
	sleep "$1"
	kill -9 "$victim" 2>/dev/null
	wait "$victim" 2>/dev/null
	[ $? -ne 137 ] || died=$((died + 1))
}

# tally: which version is there now?
tally() {
	case $(cksum <packages) in
	"$sum_a") now=a ;;
	"$sum_b") now=b ;;
	*)
		torn=$((torn + 1))
		cp packages "torn-$torn"
		return
		;;
	esac
	if [ $now = "$next" ]; then new=$((new + 1)); else old=$((old + 1)); fi
	is=$now
}

kill_saves() {
	headline "5. $kills saves killed (kill -9) at random moments"
	cp packages version-a
	awk '{ print NR, $0 }' version-a >version-b
	sum_a=$(cksum <version-a)
	sum_b=$(cksum <version-b)
	duration=$(time_of_save) || give_up 'saving packages'
	printf '        packages: %d bytes; one save takes about %s s, and a kill comes within that time\n' \
		"$(wc -c <packages)" "$duration"

	is=a died=0 old=0 new=0 torn=0 saves=0
	# some end before their signal: those do not count as killed
	moments $((kills * 10)) "$duration" >schedule
	while [ "$died" -lt "$kills" ] && read -r moment <&3; do
		saves=$((saves + 1))
		if [ $is = a ]; then next=b; else next=a; fi
		kill_one "$moment"
		tally
		progress
	done 3<schedule
	[ ! -t 1 ] || printf '\r'
	printf '        %d saves: %d were killed, %d had ended before their kill came\n' \
		"$saves" "$died" $((saves - died))
	printf '        after each the file was compared: wholly old %d times, wholly new %d times, anything else %d times\n' \
		"$old" "$new" "$torn"
	[ "$torn" -eq 0 ] || { trap - EXIT; give_up "torn files are kept: $PWD/torn-*"; }
	[ "$died" -gt 0 ] || give_up 'no kill came in time'
	good 'always whole'
}

show_recovery() {
	headline '6. What the kills left behind, and commit-recover'
	sleep 0.3 # the last producers see their broken pipe and end
	left=$(find . -name '.commit-*' | wc -l)
	printf '        %d staging files left by %d kills (while content is written a staged file has no name)\n' \
		"$left" "$kills"
	commit-recover -r -v --repaired-ok . >found 2>&1
	status=$?
	tail -n 6 found | sed 's/^/        /'
	[ "$status" -eq 0 ] || give_up "commit-recover: status $status"
	[ "$(find . -name '.commit-*' | wc -l)" -eq 0 ] || give_up 'something is still there'
	good 'commit-recover -r .                        (nothing of ours is left)'
}

next_steps() {
	headline 'Done'
	cat <<END
  $saves saves, $died of them killed: each was wholly there or not at all.

  Install it:          sudo make -C $build_dir install && sudo ldconfig
  Use it:              commit-save FILE -- COMMAND [ARGUMENT]...
  Read on:             man $source_dir/man/commit-save.1
                       man $source_dir/man/libcommit.7   what is promised, and what is not
  Run all its tests:   sh tests/run.sh

END
}

mkdir -p "$build_dir" || exit 1
build
scratch=$(mktemp -d "${TMPDIR:-/tmp}/libcommit-quickstart.XXXXXX") || exit 1
trap 'cd /; rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
cd "$scratch" || exit 1
collect_files
show_saves
kill_saves
show_recovery
next_steps
