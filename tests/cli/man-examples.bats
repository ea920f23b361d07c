#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Runs the examples of commit-save(1) and commit-recover(8) as a reader would
# type them, in a scratch directory, and looks at what they did.

bats_require_minimum_version 1.5.0

load man-helper

# orphan FILE: leaves behind what a save leaves that is killed under its validator
orphan()
{
	# shellcheck disable=SC2016
	echo new | run ! commit-save --validate='kill -9 $PPID' "$1"
	[ -n "$(find "$(dirname "$1")" -maxdepth 1 -name '.commit-*')" ]
}

# unfinished_edit FILE OLD NEW: an in-place save that dies when all is written
# and its journal is about to be removed; the journal's name is left in $journal
unfinished_edit()
{
	printf '%s\n' "$2" > "$1"
	if ! strace -o /dev/null true 2> /dev/null; then
		skip 'strace may not trace'
	fi
	printf '%s\n' "$3" > unfinished.new
	run strace -f -qq -o trace -e trace=unlinkat -e inject=unlinkat:signal=KILL:when=1 \
		commit-save --in-place --from=unfinished.new "$1"
	journal=$(find "$(dirname "$1")" -maxdepth 1 -name '.commit-*.inplace')
	[ -n "$journal" ]
}

# the tools may be built without it
needs_json()
{
	commit-save --json --version > version || skip 'built without --json'
	command -v jq > /dev/null || skip 'jq is not installed'
}

@test "every example of the pages is tested here" {
	for page in commit-range.1 commit-save.1 commit-triple.1 commit-txn.1 commit-journal.5 commit-log.5 \
		commit-recover.8; do
		for name in $("$EXTRACT" "$MAN_DIR/$page"); do
			echo "$page $name"
			grep -q "^@test \"$page: $name\"" "$HERE/man-examples.bats"
		done
	done
	[ "$("$EXTRACT" "$MAN_DIR/commit-save.1" | wc -l)" -ge 12 ]
	[ "$("$EXTRACT" "$MAN_DIR/commit-recover.8" | wc -l)" -ge 6 ]
}

@test "commit-range.1: range" {
	head -c 8192 /dev/zero | tr '\0' . > disk.img
	printf boot > boot.bin
	example commit-range.1 range
	[ "$status" -eq 0 ]
	[ "$(head -c 6 disk.img)" = boot.. ]
	[ "$(od -An -tx1 -j 1023 -N 6 disk.img)" = ' 2e 53 ef 00 01 2e' ]
	[[ $output == *'recovery: nothing'* ]]
}

@test "commit-save.1: authorized_keys" {
	f=$HOME/.ssh/authorized_keys
	echo 'ssh-ed25519 AAAA laptop' > laptop.pub
	example commit-save.1 authorized_keys
	[ "$status" -eq 0 ]
	[ "$(stat -c %a "$f")" = 600 ]
	echo 'ssh-ed25519 BBBB phone' > laptop.pub
	example commit-save.1 authorized_keys
	[ "$status" -eq 0 ]
	same "$f" 'ssh-ed25519 AAAA laptop\nssh-ed25519 BBBB phone\n'
	no_leftovers
}

@test "commit-save.1: cron" {
	f=$ROOT/etc/cron.d/backup
	example commit-save.1 cron
	[ "$status" -eq 0 ]
	[ "$(stat -c %a "$f")" = 644 ]
	[ "$(wc -l < "$f")" -eq 2 ]
	grep -q '^17 3 \* \* \* root /usr/local/sbin/backup$' "$f"
	touch -d 2001-01-01 "$f"
	before=$(stat -c '%i %Y' "$f")
	example commit-save.1 cron
	[ "$status" -eq 0 ]
	[ "$(stat -c '%i %Y' "$f")" = "$before" ]
	echo '# edited' >> "$f"
	example commit-save.1 cron
	[ "$status" -eq 0 ]
	[ "$(wc -l < "$f")" -eq 2 ]
	no_leftovers
}

@test "commit-save.1: prometheus" {
	f=$ROOT/var/lib/node_exporter/backup.prom
	umask 077
	example commit-save.1 prometheus
	[ "$status" -eq 0 ]
	[ "$(stat -c %a "$f")" = 644 ]
	grep -Eqx 'backup_last_success_seconds [0-9]+' "$f"
	cp -p "$f" old
	printf '#!/bin/sh\necho half\nexit 1\n' > "$ROOT/bin/date"
	chmod +x "$ROOT/bin/date"
	example commit-save.1 prometheus
	[ "$status" -eq 4 ]
	cmp old "$f"
	no_leftovers
}

@test "commit-save.1: sort" {
	printf 'pear\napple\npear\n' > words
	chmod 640 words
	if [ "$(id -u)" -eq 0 ]; then
		chown 1:1 words
	fi
	meta=$(stat -c '%a %u %g' words)
	example commit-save.1 sort
	[ "$status" -eq 0 ]
	same words 'apple\npear\n'
	[ "$(stat -c '%a %u %g' words)" = "$meta" ]
	no_leftovers
}

@test "commit-save.1: sudoers" {
	f=$ROOT/etc/sudoers.d/web
	echo 'web ALL = (root) /usr/sbin/service' > web.new
	example commit-save.1 sudoers
	[ "$status" -eq 0 ]
	[ "$(stat -c %a "$f")" = 440 ]
	echo 'web ALL = (root) /usr/sbin/nginx' > web.new
	example commit-save.1 sudoers
	[ "$status" -eq 0 ]
	cmp web.new "$f"
	[ "$(stat -c %a "$f")" = 440 ]
	cp "$f" old
	echo 'no rule at all' > web.new
	example commit-save.1 sudoers
	[ "$status" -eq 4 ]
	cmp old "$f"
	no_leftovers
}

@test "commit-save.1: nginx" {
	f=$ROOT/etc/nginx/nginx.conf
	echo 'http { }' > "$f"
	echo 'http { gzip on; }' > nginx.conf.new
	example commit-save.1 nginx
	[ "$status" -eq 0 ]
	cmp nginx.conf.new "$f"
	same "$f.~1~" 'http { }\n'
	[ "$(wc -l < "$ROOT/reloads")" -eq 1 ]
	example commit-save.1 nginx
	[ "$(wc -l < "$ROOT/reloads")" -eq 1 ]
	[ ! -e "$f.~2~" ]
	echo 'http {' > nginx.conf.new
	example commit-save.1 nginx
	same "$f" 'http { gzip on; }\n'
	[ "$(wc -l < "$ROOT/reloads")" -eq 1 ]
	no_leftovers
}

@test "commit-save.1: compare-and-swap" {
	printf '10.0.0.7 db\n10.0.0.71 web\n' > hosts
	example commit-save.1 compare-and-swap
	[ "$status" -eq 0 ]
	same hosts '10.0.0.8 db\n10.0.0.71 web\n'
	# Somebody edits between the token and the save.
	printf '10.0.0.7 db\n' > hosts
	script commit-save.1 compare-and-swap |
		sed 's/^sed .*/&\necho "10.0.0.9 mail" >> hosts/' > "$ROOT/script"
	run ! sh "$ROOT/script"
	[ "$status" -eq 4 ]
	same hosts '10.0.0.7 db\n10.0.0.9 mail\n'
	no_leftovers
}

@test "commit-save.1: counter" {
	echo 0 > counter
	script commit-save.1 counter > "$ROOT/script"
	pids=
	for _ in 1 2 3 4 5 6 7 8; do
		sh "$ROOT/script" 3>&- &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid"
	done
	same counter '8\n'
	no_leftovers
}

@test "commit-save.1: hardlink" {
	echo old > shared.conf
	echo new > shared.new
	ln shared.conf other
	inode=$(stat -c %i other)
	run ! commit-save shared.conf < shared.new
	[ "$status" -eq 4 ]
	example commit-save.1 hardlink
	[ "$status" -eq 0 ]
	same other 'new\n'
	same shared.conf 'new\n'
	[ "$(stat -c '%i %h' shared.conf)" = "$inode 2" ]
	no_leftovers
}

@test "commit-save.1: bind-mount" {
	f=$ROOT/etc/resolv.conf
	echo 'nameserver 198.51.100.1' > "$f"
	inode=$(stat -c %i "$f")
	if ! unshare -m true 2> /dev/null; then
		skip 'may not make a mount namespace'
	fi
	script commit-save.1 bind-mount > "$ROOT/script"
	cp "$f" elsewhere
	outer=$(stat -c %i elsewhere)
	cat > "$ROOT/in-mount" <<-END
		mount --bind "$ROOT/work/elsewhere" "$f" || exit 99
		echo x | commit-save "$f" && exit 98
		exec sh "$ROOT/script"
	END
	run unshare -m sh "$ROOT/in-mount"
	echo "$output"
	if [ "$status" -eq 99 ]; then
		skip 'may not mount'
	fi
	[ "$status" -eq 0 ]
	same elsewhere 'nameserver 192.0.2.53\n'
	[ "$(stat -c %i elsewhere)" = "$outer" ]
	same "$f" 'nameserver 198.51.100.1\n'
	[ "$(stat -c %i "$f")" = "$inode" ]
	no_leftovers
}

@test "commit-save.1: ok" {
	echo stale > errors.txt
	printf 'INFO a\nERROR b\n' > app.log
	example commit-save.1 ok
	[ "$status" -eq 0 ]
	same errors.txt 'ERROR b\n'
	echo 'INFO c' > app.log
	example commit-save.1 ok
	[ "$status" -eq 0 ]
	[ -e errors.txt ]
	[ ! -s errors.txt ]
	echo stale > errors.txt
	rm app.log
	example commit-save.1 ok
	[ "$status" -eq 4 ]
	same errors.txt 'stale\n'
	no_leftovers
}

@test "commit-save.1: dry-run" {
	needs_json
	echo old > motd
	echo longer > motd.new
	before=$(stat -c '%i %Y %Z' motd)
	example commit-save.1 dry-run
	[ "$status" -eq 0 ]
	echo "$output" | jq -e '.version == 1 and .tool == "commit-save" and
		.outcome == "saved" and .would == true and .exit == 0 and
		.error == null and (.warnings // []) == []'
	same motd 'old\n'
	[ "$(stat -c '%i %Y %Z' motd)" = "$before" ]
	no_leftovers
}

# A tree to be changed, and a build to replace it.
website()
{
	mkdir -p "$ROOT/srv/www/news" "$ROOT/srv/www/uploads" build/css
	echo 'old text' > "$ROOT/srv/www/index.html"
	echo draft > "$ROOT/srv/www/news/draft.html"
	echo theirs > "$ROOT/srv/www/uploads/photo"
	echo built > build/index.html
	echo style > build/css/site.css
}

@test "commit-txn.1: certificate" {
	mkdir -p "$ROOT/etc/ssl/site"
	# pubkey KIND FILE: what stands behind the colon
	# shellcheck disable=SC2016
	printf '#!/bin/sh\ncut -d: -f2 "$2"\n' > "$ROOT/bin/pubkey"
	chmod +x "$ROOT/bin/pubkey"
	echo key:1 > new.key
	echo crt:1 > new.crt
	example commit-txn.1 certificate
	[ "$status" -eq 0 ]
	same "$ROOT/etc/ssl/site/site.key" 'key:1\n'
	same "$ROOT/etc/ssl/site/site.crt" 'crt:1\n'
	# A certificate of another key.
	echo key:2 > new.key
	example commit-txn.1 certificate
	[ "$status" -eq 4 ]
	same "$ROOT/etc/ssl/site/site.key" 'key:1\n'
	# A file that is missing.
	rm new.crt
	example commit-txn.1 certificate
	[ "$status" -eq 4 ]
	same "$ROOT/etc/ssl/site/site.key" 'key:1\n'
}

@test "commit-txn.1: nginx" {
	needs_apply
	commit-txn run -C "$ROOT/srv" --validate-at-root=true -- true || skip 'no view at the root here'
	# nginx -t -q: its configuration has an absolute path
	cat > "$ROOT/bin/nginx" <<-END
		#!/bin/sh
		[ "\$1 \$2" != '-s reload' ] || { echo reload >> "$ROOT/reloads"; exit 0; }
		[ "\$1 \$2" = '-t -q' ] && grep -q '^good' $ROOT/etc/nginx/conf.d/site.conf
	END
	mkdir -p new/conf.d
	echo 'good 1' > new/conf.d/site.conf
	echo gone > "$ROOT/etc/nginx/gone.conf"
	tar -C new -czf nginx.tar.gz .
	example commit-txn.1 nginx
	[ "$status" -eq 0 ]
	same "$ROOT/etc/nginx/conf.d/site.conf" 'good 1\n'
	[ ! -e "$ROOT/etc/nginx/gone.conf" ]
	[ "$(wc -l < "$ROOT/reloads")" -eq 1 ]
	echo 'bad 2' > new/conf.d/site.conf
	tar -C new -czf nginx.tar.gz .
	example commit-txn.1 nginx
	[ "$status" -eq 4 ]
	same "$ROOT/etc/nginx/conf.d/site.conf" 'good 1\n'
	[ "$(wc -l < "$ROOT/reloads")" -eq 1 ]
}

@test "commit-txn.1: steps" {
	website
	example commit-txn.1 steps
	[ "$status" -eq 0 ]
	[[ "$output" == *'-old text'* ]]
	[[ "$output" == *'+new text'* ]]
	same "$ROOT/srv/www/index.html" 'new text\n'
	same "$ROOT/srv/www/news/1.html" 'draft\n'
	[ ! -e "$ROOT/srv/www/news/draft.html" ]
}

@test "commit-txn.1: script" {
	website
	example commit-txn.1 script
	[ "$status" -eq 0 ]
	same "$ROOT/srv/www/archive/index.html" 'old text\n'
	same "$ROOT/srv/www/index.html" 'back soon\n'
	same "$ROOT/srv/www/old.html" 'old text\n'
}

@test "commit-txn.1: deploy" {
	needs_apply
	website
	example commit-txn.1 deploy
	[ "$status" -eq 0 ]
	same "$ROOT/srv/www/index.html" 'built\n'
	same "$ROOT/srv/www/css/site.css" 'style\n'
	same "$ROOT/srv/www/uploads/photo" 'theirs\n'
	[ ! -e "$ROOT/srv/www/news" ]
}

@test "commit-txn.1: undo" {
	needs_apply
	website
	example commit-txn.1 undo
	[ "$status" -eq 0 ]
	same "$ROOT/srv/www/index.html" 'old text\n'
	same "$ROOT/srv/www/news/draft.html" 'draft\n'
	[ ! -e "$ROOT/srv/www/css" ]
	[ "$(commit-txn log -C "$ROOT/srv/www" | wc -l)" -eq 2 ]
}

@test "commit-store.5: offsets are those of a real index" {
	mkdir tree
	commit-txn init -C tree --keep=5
	echo 'write a 12345' | commit-txn script -C tree
	echo 'write a 123' | commit-txn script -C tree
	id=$(commit-txn log -C tree | tail -n 1 | cut -d ' ' -f 2)
	commit-txn undo -C tree "$id"
	index=tree/.commit/history/index
	[ "$(stat -c %s "$index")" -eq 384 ]
	# the payload of the last record stands behind its head
	base=$((256 + 56))
	[ "$(number_at commit-store.5 "$index" $base 'number in the order')" -eq 3 ]
	[ "$(number_at commit-store.5 "$index" $base 'time of the commit')" -ge "$(stat -c %Y .)" ]
	[ "$(number_at commit-store.5 "$index" $base 'user')" -eq "$(id -u)" ]
	[ "$(number_at commit-store.5 "$index" $base 'paths that were')" -eq 1 ]
	[ "$(number_at commit-store.5 "$index" $base 'bytes of new')" -eq 5 ]
	[ "$(number_at commit-store.5 "$index" $base 'bytes of old')" -eq 3 ]
	[ "$(number_at commit-store.5 "$index" $base 'the transaction that was')" -eq \
		$((0x$(echo "$id" | tr -d -))) ]
}

@test "commit-txn.1: dry-run" {
	needs_apply
	website
	example commit-txn.1 dry-run
	[ "$status" -eq 0 ]
	printf '%s\n' 'A css/' 'A css/site.css' 'M index.html' 'D news' 'D news/draft.html' > want
	printf '%s\n' "$output" | diff want -
	same "$ROOT/srv/www/index.html" 'old text\n'
}

@test "commit-txn.1: read" {
	website
	commit-txn init -C "$ROOT/srv/www"
	example commit-txn.1 read
	[ "$status" -eq 0 ]
	tar -tzf www.tar.gz | grep -qx './news/draft.html'
	run ! sh -c 'tar -tzf www.tar.gz | grep -F ./.commit'
}

@test "commit-journal.5: extract" {
	unfinished_edit "$ROOT/srv/hosts" 'the old content' 'new'
	{
		echo "j=$journal"
		script commit-journal.5 extract
	} > "$ROOT/script"
	sh "$ROOT/script"
	same content.old 'the old content\n'
	same content.new 'new\n'
}

# number_at PAGE FILE BASE TEXT: the little-endian integer in FILE at BASE + the
# offset that PAGE gives for the field that begins with TEXT
number_at()
{
	row=$(grep -E "^\.It [0-9]+ Ta [0-9]+ Ta $4" "$MAN_DIR/$1" | head -n 1)
	[ -n "$row" ]
	# shellcheck disable=SC2086
	set -- "$2" "$3" $row
	od -An --endian=little -t "u$6" -j "$(($2 + $4))" -N "$6" "$1" | tr -d ' '
}

# field TEXT: in $journal
field()
{
	number_at commit-journal.5 "$journal" 0 "$1"
}

@test "commit-journal.5: offsets are those of a real journal" {
	unfinished_edit "$ROOT/srv/hosts" 'the old content' 'new'
	chmod 640 "$ROOT/srv/hosts"
	[ "$(head -c 8 "$journal")" = commitIP ]
	[ "$(field version)" -eq 1 ]
	[ "$(field 'length of the payload')" -eq $((176 + 5)) ]
	[ "$(field type)" -eq 1 ]
	[ "$(field inode)" -eq "$(stat -c %i "$ROOT/srv/hosts")" ]
	[ "$(field 'time of writing')" -le "$(date +%s)" ]
	[ "$(field 'time of writing')" -gt "$(($(date +%s) - 600))" ]
	[ "$(field 'old size')" -eq 16 ]
	[ "$(field 'new size')" -eq 4 ]
	[ "$(field 'old offset')" -eq 12288 ]
	[ "$(field 'new offset')" -eq 8192 ]
	[ "$(field flags)" -eq 1 ]
	[ "$(field mode)" -eq $((0644)) ]
	[ "$(field owner)" -eq "$(id -u)" ]
	[ "$(field 'length of the capabilities')" -eq 0 ]
	[ "$(field 'n: length')" -eq 5 ]
	[ "$(tail -c +249 "$journal" | head -c 5)" = hosts ]
}

# a_log: makes a log with the fault build's library; what is in it goes to facts
a_log()
{
	maker=${LC_BUILDDIR:-.}/tests/cli/make-log
	if [ ! -x "$maker" ]; then
		skip 'tests/cli/make-log was not built: set LC_BUILDDIR'
	fi
	mkdir "$ROOT/log"
	"$maker" "$ROOT/log" > facts
}

# fact NAME: what make-log says of it
fact()
{
	sed -n "s/^$1 //p" facts
}

# log_field BASE TEXT: in $file
log_field()
{
	number_at commit-log.5 "$file" "$1" "$2"
}

@test "commit-log.5: records" {
	a_log
	{
		echo "s=$ROOT/log/segment-$(printf %016x "$(fact segment)")"
		script commit-log.5 records
	} > "$ROOT/script"
	sh "$ROOT/script" > shown
	[ "$(wc -l < shown)" -ge 5 ]
	fact record | diff - shown
}

@test "commit-log.5: offsets are those of a real log" {
	a_log
	file=$ROOT/log/super
	slot=$(($(fact generation) % 2 * 4096))
	[ "$(tail -c +$((slot + 1)) "$file" | head -c 8)" = commitLG ]
	[ "$(log_field $slot version)" -eq 1 ]
	[ "$(log_field $slot generation)" -eq "$(fact generation)" ]
	[ "$(log_field $((4096 - slot)) generation)" -eq $(($(fact generation) - 1)) ]
	[ "$(log_field $slot 'number of the first segment')" -eq "$(fact segment)" ]
	[ "$(log_field $slot tail)" -eq "$(fact tail)" ]
	file=$ROOT/log/segment-$(printf %016x "$(fact segment)")
	[ "$(head -c 8 "$file")" = commitSG ]
	[ "$(log_field 0 version)" -eq 1 ]
	[ "$(log_field 0 'number of the segment')" -eq "$(fact segment)" ]
	[ "$(log_field 0 'first position')" -eq "$(fact first)" ]
	[ "$(log_field 0 epoch)" -eq "$(fact epoch)" ]
	[ "$(log_field 0 'size of the file')" -eq "$(stat -c %s "$file")" ]
	# the record in its header, and its first record
	for base in 16 4096; do
		[ "$(log_field $base 'position of this record')" -eq "$(fact first)" ]
		[ "$(log_field $base 'position of the record before')" -eq "$(fact previous)" ]
		[ "$(log_field $base salt)" = "$(fact salt)" ]
		[ "$(log_field $base 'position before which all')" -eq "$(fact first)" ]
	done
	[ "$(log_field 4096 transaction)" -eq 3 ]
	[ "$(log_field 4096 type)" -eq 1 ]
}

@test "commit-recover.8: look" {
	echo old > "$ROOT/srv/deep/hosts"
	orphan "$ROOT/srv/deep/hosts"
	find "$ROOT/srv" | sort > before
	example commit-recover.8 look
	[ "$status" -eq 0 ]
	[[ "$output" == *"$ROOT/srv/deep/.commit-"* ]]
	find "$ROOT/srv" | sort | cmp - before
}

@test "commit-recover.8: clean" {
	echo old > "$ROOT/srv/deep/hosts"
	orphan "$ROOT/srv/deep/hosts"
	example commit-recover.8 clean
	[ "$status" -eq 0 ]
	same "$ROOT/srv/deep/hosts" 'old\n'
	no_leftovers
	# Without --repaired-ok a repair is 10.
	orphan "$ROOT/srv/deep/hosts"
	run ! commit-recover -r "$ROOT/srv"
	[ "$status" -eq 10 ]
	no_leftovers
}

@test "commit-recover.8: one-file" {
	unfinished_edit "$ROOT/srv/hosts" old new
	# As if the power had gone before any of the new content was on the disk.
	printf 'old\n' > "$ROOT/srv/hosts"
	example commit-recover.8 one-file
	[ "$status" -eq 0 ]
	same "$ROOT/srv/hosts" 'new\n'
	no_leftovers
}

@test "commit-recover.8: boot" {
	echo old > "$ROOT/srv/deep/hosts"
	echo old > "$ROOT/etc/hosts"
	orphan "$ROOT/srv/deep/hosts"
	orphan "$ROOT/etc/hosts"
	example commit-recover.8 boot
	[ "$status" -eq 0 ]
	no_leftovers
}

@test "commit-recover.8: hourly" {
	prom=$ROOT/var/lib/node_exporter/commit.prom
	echo old > "$ROOT/srv/deep/hosts"
	orphan "$ROOT/srv/deep/hosts"
	example commit-recover.8 hourly
	[ "$status" -eq 0 ]
	# Young: left alone.
	[ -n "$(find "$ROOT/srv" -name '.commit-*')" ]
	[ -s "$prom" ]
	# Every metric that the page names is there, and no other.
	sed -n 's/^\.It Cm \(commit_recover_[a-z_]*\).*/\1/p' "$MAN_DIR/commit-recover.8" |
		sort -u > named
	[ -s named ]
	sed -n 's/^\([a-z_]*\)[ {].*/\1/p' "$prom" | sort -u | diff named -
}

@test "commit-recover.8: a conflict is resolved as the page says" {
	f=$ROOT/srv/hosts
	unfinished_edit "$f" old new
	echo theirs > "$f"
	run ! commit-recover "$ROOT/srv"
	[ "$status" -eq 11 ]
	echo merged > merged
	run ! commit-save --from=merged "$f"
	[ "$status" -eq 11 ]
	same "$f" 'theirs\n'
	mv "$journal" "$ROOT/srv/hosts.journal"
	commit-save --from=merged "$f"
	same "$f" 'merged\n'
	[ -s "$ROOT/srv/hosts.journal" ]
	run commit-recover "$ROOT/srv"
	[ "$status" -eq 0 ]
}

@test "commit-recover.8: page" {
	echo old > "$ROOT/srv/hosts"
	unfinished_edit "$ROOT/srv/hosts" old new
	echo theirs > "$ROOT/srv/hosts"
	example commit-recover.8 page
	[ "$status" -eq 11 ]
	grep -qF "commit-save --from=content.old $ROOT/srv/hosts" recovery.html
	same "$ROOT/srv/hosts" 'theirs\n'
}

@test "commit-recover.8: conflicts" {
	needs_json
	echo old > "$ROOT/srv/hosts"
	example commit-recover.8 conflicts
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	unfinished_edit "$ROOT/srv/hosts" old new
	echo theirs > "$ROOT/srv/hosts"
	example commit-recover.8 conflicts
	[ "$output" = "$ROOT/srv/hosts" ]
	same "$ROOT/srv/hosts" 'theirs\n'
}

@test "commit-recover.8: check" {
	mkdir -p "$ROOT/srv/site"
	commit-txn init -C "$ROOT/srv/site"
	example commit-recover.8 check
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	echo rubbish > "$ROOT/srv/site/.commit/format"
	example commit-recover.8 check
	[ "$status" -eq 11 ]
	[[ "$output" == *'invariant 2'* ]]
}

@test "commit-recover.8: list" {
	mkdir -p "$ROOT/srv/site"
	id=$(commit-txn begin -C "$ROOT/srv/site")
	example commit-recover.8 list
	[ "$status" -eq 0 ]
	[[ "$output" == *"open transaction $ROOT/srv/site/.commit/stage/$id:"* ]]
}

@test "commit-triple.1: triple" {
	mkdir a b c
	example commit-triple.1 triple
	[ "$status" -eq 0 ]
	[[ $output == *'state 1' ]]
	same b/state 'state 1\n'
	no_leftovers
}

@test "commit-triple.1: triple-night" {
	mkdir a b c
	echo x | commit-triple write -q a/s b/s c/s
	example commit-triple.1 triple-night
	[ "$status" -eq 0 ]
	[ ! -e "done" ]
}
