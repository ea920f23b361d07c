#!/bin/sh
# SPDX-License-Identifier: ISC
# quickstart.sh - build libcommit and watch it keep files, and trees of files, whole
#
# Installs what the build needs, builds below build/quickstart, then works on
# copies of real files of this machine in a scratch directory. Nothing outside
# that directory is changed, and nothing is installed but the packages.
#
# QUICKSTART_KILLS=N sets how many saves are killed (default 300), and a tenth of
# that how many commits of a tree.
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

# ------------------------------------------------------ a tree as one commit

# site VERSION: the configuration of a web server below VERSION, its key fitting
# its certificate
site() {
	mkdir -p "$1/conf.d" "$1/sites" "$1/certs" || return 1
	cat >"$1/nginx.conf" <<END
events {}
http {
	access_log off;
	server_names_hash_bucket_size 128;
	include conf.d/*.conf;
	include sites/*.conf;
}
END
	for path in client_body proxy fastcgi uwsgi scgi; do
		echo "${path}_temp_path $PWD/nginx-$path;"
	done >"$1/conf.d/paths.conf"
	cat >"$1/conf.d/tls.conf" <<END
server {
	listen 127.0.0.1:18443 ssl;
	ssl_certificate certs/site.crt;
	ssl_certificate_key certs/site.key;
}
END
	awk -v dir="$1/sites" -v version="$1" 'BEGIN {
		for (i = 1; i <= 250; i++) {
			file = sprintf("%s/%s%03d.conf", dir, i % 10 ? "site" : version, i)
			printf "server { listen 127.0.0.1:18080; server_name %s-%d.example; }\n", version, i >file
			close(file)
		}
	}'
	if command -v openssl >/dev/null; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj "/CN=$1.example" \
			-keyout "$1/certs/site.key" -out "$1/certs/site.crt" 2>/dev/null
	else
		# no key of a kind, but the two still belong together
		echo "$1" >"$1/certs/site.key" && cksum <"$1/certs/site.key" >"$1/certs/site.crt"
	fi
}

# The validator: nginx itself, or what matters most of what it would look at
write_validator() {
	if command -v nginx >/dev/null && command -v openssl >/dev/null; then
		validator='nginx -t'
		echo "exec nginx -t -q -e stderr -p \"\$1\" -c nginx.conf -g 'pid $PWD/nginx.pid;'" >validate
		return
	fi
	validator='sh validate'
	cat >validate <<'END'
cd "$1" && cat $(sed -n 's/.*include \(.*\);/\1/p' nginx.conf) >/dev/null || exit 1
if command -v openssl >/dev/null; then
	[ "$(openssl pkey -in certs/site.key -pubout)" = "$(openssl x509 -in certs/site.crt -noout -pubkey)" ]
else
	[ "$(cksum <certs/site.key)" = "$(cat certs/site.crt)" ]
fi
END
}

# commit_tree VERSION: exec, so that what is killed is commit-txn itself
commit_tree() {
	exec commit-txn apply -q -C site --mirror --from="$1" --validate="sh '$PWD/validate' \"\$1\""
}

# is_now VERSION: site is that version, every byte of it
is_now() {
	diff -r -x .commit "$1" site >/dev/null
}

show_tree() {
	total=$died kills=$((kills / 10))
	headline "7. A web server's configuration replaced as one commit, killed $kills times"
	# the saves before have left files with some of the names that are needed here
	if ! mkdir web || ! cd web; then give_up 'mkdir web'; fi
	if ! site version-a || ! site version-b; then give_up 'making the configuration'; fi
	write_validator
	cp -R version-a site
	commit-txn init -q -C site || give_up 'commit-txn init'
	printf '        %s files: nginx.conf, conf.d, sites, a certificate and its key; the validator: %s\n' \
		"$(find site -name .commit -prune -o -type f -print | wc -l)" "$validator"

	cp -R version-b wrong && cp version-a/certs/site.key wrong/certs/site.key
	(commit_tree wrong) 2>message
	status=$?
	if [ "$status" -ne 4 ] || ! is_now version-a; then
		cat message >&2
		give_up "a key that does not fit: status $status"
	fi
	good 'commit-txn apply --mirror --from=wrong      (its key does not fit: refused, nothing changed; it says:)'
	cut -c 1-110 message | sed 's/^/          /'
	kill_commits
}

kill_commits() {
	begin=$(cut -d ' ' -f 1 /proc/uptime)
	for version in version-b version-a version-b version-a; do
		(commit_tree "$version") 2>message || { cat message >&2; give_up 'commit-txn apply'; }
	done
	end=$(cut -d ' ' -f 1 /proc/uptime)
	duration=$(awk -v b="$begin" -v e="$end" 'BEGIN { printf "%.5f", (e - b) / 4 }')
	printf '        one commit takes about %s s, validator and all; then commit-recover runs\n        ' "$duration"

	from='version-a' to='version-b' died=0 old=0 new=0 mixed=0
	# random, but around the moment of the commit: later after an old tree, earlier after a new one
	moments $((kills * 10)) 1 >schedule
	aim=$duration factor=1
	while [ "$died" -lt "$kills" ] && read -r random <&3; do
		aim=$(awk "BEGIN { printf \"%.5f\", $aim * $factor }")
		kill_commit "$(awk "BEGIN { printf \"%.5f\", $aim * (0.8 + 0.4 * $random) }")"
	done 3<schedule
	printf '\n        %d killed: all old %d times (.), all new %d times (+), anything else never\n' "$died" "$old" "$new"
	printf '        %d of them among the renames, the tree half old and half new (in brackets): recovery finished those\n' "$mixed"
	[ "$died" -gt 0 ] || give_up 'no kill came in time'
	good 'all of the tree or nothing of it'
}

committed() {
	factor=0.92
	swap=$from from=$to to=$swap
}

# kill_commit SECONDS: a commit of $to over $from, killed after that time
kill_commit() {
	(commit_tree "$to") 2>/dev/null &
	victim=$!
	sleep "$1"
	kill -9 "$victim" 2>/dev/null
	wait "$victim" 2>/dev/null
	if [ $? -ne 137 ]; then
		committed
		return
	fi
	died=$((died + 1)) sign='%s'
	if ! is_now "$from" && ! is_now "$to"; then
		mixed=$((mixed + 1)) sign='(%s)'
	fi
	commit-recover -q --repaired-ok site >message 2>&1 || { cat message >&2; give_up 'commit-recover site'; }
	# shellcheck disable=SC2059 # the sign is the format
	if is_now "$to"; then
		new=$((new + 1))
		printf "$sign" +
		committed
	elif is_now "$from"; then
		old=$((old + 1)) factor=1.08
		printf "$sign" .
	else
		trap - EXIT
		give_up "neither old nor new: $PWD/site is kept"
	fi
}

next_steps() {
	headline 'Done'
	cat <<END
  $saves saves and the commits of a tree, killed $((total + died)) times: each was wholly there or not at all.

  Install it:          sudo make -C $build_dir install && sudo ldconfig
  Use it:              commit-save FILE -- COMMAND [ARGUMENT]...
  Read on:             man $source_dir/man/commit-save.1
                       man $source_dir/man/commit-txn.1
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
show_tree
next_steps
