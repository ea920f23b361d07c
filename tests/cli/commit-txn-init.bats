#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-txn init: what a store may look like, and which stores are refused.

# shellcheck disable=SC2016 # validators and scripts expand for themselves

load txn-helper

setup() { scratch; }
teardown() { sweep; }

# writes ROOT NAME TEXT
writes() { printf 'write %s %s\n' "$2" "$3" | commit-txn script -C "$1"; }

# unpublished ROOT: a commit of "new" to a that is not published
unpublished() {
	writes "$1" a old
	{ COMMIT_FAULT=1:kill:exchange "$LC_FAULT_BIN/commit-txn" script -C "$1" <<<'write a new'; } 2>/dev/null || true
	holds "$1/a" old
}

@test "a store as ever" {
	gives 0 commit-txn init -C root
	[ "$(mode root/.commit)" = 700 ]
	[ ! -e root/.commit/config ]
	gives 0 commit-txn init -C root
	writes root a 1
	gives 0 commit-txn init -C root --keep=3
	[ "$(sed -n 3p root/.commit/config)" = 'keep count 3' ]
	gives 0 commit-txn init -C root --keep=2M
	[ "$(sed -n 3p root/.commit/config)" = 'keep bytes 2097152' ]
	gives 0 commit-txn init -C root --keep=12h
	[ "$(sed -n 3p root/.commit/config)" = 'keep seconds 43200' ]
	for value in x '' -1 5x 5Kx 5mm; do
		gives 2 commit-txn init -C root "--keep=$value"
	done
	gives 2 commit-txn begin -C root --keep=3
	says '--keep: is no option of begin'
}

@test "config: unknown versions and damage are refused, untouched" {
	gives 0 commit-txn init -C root --keep=3
	writes root a 1
	sed -i 's/version 1/version 2/' root/.commit/config
	printf 'write a 2\n' >ops
	gives 1 commit-txn script -C root <ops
	says EPROTONOSUPPORT
	echo rubbish >root/.commit/config
	gives 11 commit-txn script -C root <ops
	says 'config file is damaged'
	holds root/a 1
}

@test "--store: the content lies elsewhere, and everything works" {
	need_faults
	gives 0 commit-txn init -C root --store=place --keep=4
	[ -f root/.commit ]
	[ "$(mode root/.commit)" = 644 ]
	[ "$(mode place)" = 700 ]
	writes root a one
	T=$(commit-txn begin -C root)
	echo two | commit-txn put -C root "$T" a
	mkdir -p root/x/y
	cd root/x/y
	gives 0 commit-txn diff "$T"
	has '-one' '+two'
	cd ../../..
	gives 0 commit-txn commit -C root "$T" --validate='grep -q two "$1/a"'
	holds root/a 'two\n'
	gives 0 commit-txn undo -C root "$(commit-txn log -C root | tail -1 | cut -d' ' -f2)"
	holds root/a one
	[ "$(find place/history -mindepth 1 -maxdepth 1 | wc -l)" -eq 4 ]
	gives 0 commit-txn read -C root -- true
	# a tree is applied without its name, and mirrored around it
	mkdir from
	echo three >from/a
	gives 0 commit-txn apply -C root --mirror --from=from
	[ -f root/.commit ]
	holds root/a 'three\n'
	[ -z "$(ls place/stage)" ]
}

@test "--store: what was interrupted is found through the root" {
	need_faults
	gives 0 commit-txn init -C root --store=place
	unpublished root
	gives 10 commit-recover -r .
	holds root/a new
	unpublished root
	# opening is enough
	gives 0 commit-txn begin -C root
	holds root/a new
	unpublished root
	mv root moved
	gives 10 commit-recover moved
	holds moved/a new
	gives 0 commit-recover moved
}

@test "--store: refused before anything is made" {
	gives 1 commit-txn init -C root --store=root/in
	says EINVAL 'must not lie in each other'
	gives 1 commit-txn init -C root --store=.
	says EINVAL
	mkdir full
	echo x >full/x
	gives 1 commit-txn init -C root --store=full
	says ENOTEMPTY
	gives 1 commit-txn init -C root --store=no/such/place
	says ENOENT
	ln -s nowhere link
	gives 1 commit-txn init -C root --store=link
	[ -z "$(ls -A root)" ]
	[ "$(ls -A full)" = x ]
	[ ! -e no ]
	# another file system
	[ -d /dev/shm ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ] || skip 'no other file system'
	other=/dev/shm/commit-test-$$
	gives 1 commit-txn init -C root --store="$other"
	says EXDEV 'another file system'
	[ ! -e "$other" ]
	[ -z "$(ls -A root)" ]
	# the same file system, but no rename leads there
	need_root
	mkdir bound
	unshare -m sh -c 'mount --bind bound bound && exec "$@"' sh \
		sh -c '! commit-txn init -C root --store=bound/place' || skip 'no mounts'
	[ -z "$(ls -A bound)" ]
	[ -z "$(ls -A root)" ]
}

@test "--store: one place, one root" {
	gives 0 commit-txn init -C root --store=place
	gives 0 commit-txn init -C root --store=place
	gives 0 commit-txn init -C root --store="$PWD/place/" --keep=2
	gives 1 commit-txn init -C root --store=other
	says EEXIST 'in another place'
	[ ! -e other ]
	mkdir second
	gives 1 commit-txn init -C second --store=place
	says 'that of another root'
	[ -z "$(ls -A second)" ]
	gives 0 commit-txn init -C second
	gives 1 commit-txn init -C second --store=other
	says EEXIST
}

@test "--store: killed at every call, made again by the next" {
	need_faults
	swiftly
	local n=0
	while :; do
		n=$((n + ${LC_EVERY:-1}))
		rm -rf root place
		mkdir root
		{ COMMIT_FAULT=$n:kill "$LC_FAULT_BIN/commit-txn" init -C root --store=place; } 2>/dev/null && break
		gives 0 commit-recover root
		gives 0 commit-txn init -C root --store=place || { echo "call $n"; return 1; }
		writes root a 1
		[ -f root/.commit ]
		[ ! -e place/link.new ]
	done
	[ "$n" -gt 30 ]
}

@test "--store: copies of either half are refused" {
	need_faults
	gives 0 commit-txn init -C root --store=place
	unpublished root
	cp -a root copy
	gives 11 commit-txn list -C copy
	says 'is a copy'
	gives 11 commit-recover copy
	holds copy/a old
	# the other half
	mv place real
	cp -a real place
	gives 11 commit-txn list -C root
	says 'is a copy'
	gives 11 commit-recover root
	rm -r place
	gives 11 commit-txn list -C root
	says 'not there any more' "$PWD/place"
	gives 11 commit-recover root
	holds root/a old
	# a symbolic link is not followed there
	ln -s real place
	gives 11 commit-txn list -C root
	rm place
	mv real place
	gives 10 commit-recover root
	holds root/a new
}

@test "--store: a file that names somebody's store does not open it" {
	gives 0 commit-txn init -C root --store=place
	writes root a 1
	mkdir evil
	# with the inode of another root, and with its own
	cp root/.commit evil/.commit
	gives 11 commit-txn list -C evil
	sed "s/^root .*/root $(stat -c %i evil)/" root/.commit >evil/.commit
	gives 11 commit-txn list -C evil
	says 'is a copy'
	for edit in 's/^path .*/path relative/' 's/^path .*//' 's/^fs .*/fs zz/' '$s/.$//' 's/version 1/version 2/'; do
		sed "$edit" root/.commit >evil/.commit
		refuted commit-txn list -C evil || { echo "edit: $edit"; return 1; }
	done
	head -c 100000 /dev/zero >evil/.commit
	refuted commit-txn list -C evil
	# a file that is nothing of ours is no store
	echo hello >evil/.commit
	gives 1 commit-txn list -C evil
	gives 0 commit-recover evil
	rm evil/.commit
	mkfifo evil/.commit
	refuted timeout 5 commit-txn list -C evil
}

# refuted CMD...: exits with 1 or 11, and says why
refuted() {
	local got=0
	"$@" >"$OUT" 2>"$ERR" || got=$?
	[ "$got" -eq 1 ] || [ "$got" -eq 11 ] || { echo "status $got: $*"; return 1; }
	[ -s "$ERR" ]
}

# as UID GROUPS CMD...
as() {
	setpriv --reuid="$1" --regid="$1" --groups="$2" -- "${@:3}"
}

# A tree that a group works in: 3001 owns it, 3002 is in the group, 3003 is not.
a_groups_tree() {
	need_root
	as 3001 3000 commit-txn --version >/dev/null 2>&1 || skip 'another user cannot run the tools'
	chmod 755 "$ROOT" "$ROOT/w"
	chown 3001:3000 root
	chmod 2775 root
	gives 0 as 3001 3000 commit-txn init -C root --group --keep=3
}

@test "--group: members commit, undo, and finish for each other" {
	need_faults
	a_groups_tree
	[ "$(stat -c %a:%u:%g root/.commit)" = 2770:3001:3000 ]
	as 3001 3000 commit-txn script -C root <<<'write a one'
	as 3002 3000 commit-txn script -C root <<<'write a two'
	as 3001 3000 commit-txn script -C root <<<'write b three'
	holds root/a two
	gives 0 as 3002 3000 commit-txn log -C root
	[ "$(cut -d' ' -f1 "$OUT" | paste -sd,)" = 1,2,3 ]
	has '3001' '3002'
	gives 0 as 3002 3000 commit-txn undo -C root "$(tail -1 "$OUT" | cut -d' ' -f2)"
	[ ! -e root/b ]
	{ as 3001 3000 env COMMIT_FAULT=1:kill:exchange "$LC_FAULT_BIN/commit-txn" script -C root <<<'write a four'; } 2>/dev/null || true
	holds root/a two
	gives 10 as 3002 3000 commit-recover root
	holds root/a four
	T=$(as 3001 3000 commit-txn begin -C root)
	as 3002 3000 commit-txn put -C root "$T" a -- echo five
	gives 0 as 3001 3000 commit-txn commit -C root "$T"
	holds root/a 'five\n'
	# a log that is full goes on in a file of whoever is there
	[ "$(find root/.commit/log root/.commit/history -maxdepth 1 -type f ! -perm 660 | wc -l)" -eq 0 ]
	# what was put has nothing of the store's own rights
	[ "$(mode root/a)" = 644 ]
	umask 077
	as 3002 3000 commit-txn script -C root <<<'mkdir d'
	# with the root's set-group-id bit, as the kernel hands it down
	[ "$(mode root/d)" = 2700 ]
	as 3001 3000 commit-txn script -C root <<<'write c 1'
	holds root/c 1
}

@test "--group: nobody else, and not the superuser" {
	a_groups_tree
	as 3001 3000 commit-txn script -C root <<<'write a one'
	gives 1 as 3003 3003 commit-txn list -C root
	gives 1 commit-txn list -C root
	says 'the superuser does not obey'
	gives 1 commit-txn script -C root <<<'write a two'
	commit-recover root || true
	holds root/a one
}

@test "--group: follows from the format, not from a mode" {
	a_groups_tree
	mkdir own
	chown 3001:3000 own
	chmod 2775 own
	gives 0 as 3001 3000 commit-txn init -C own
	# somebody was generous with rights
	chmod -R g+rwX own/.commit
	chgrp -R 3000 own/.commit
	gives 1 as 3002 3000 commit-txn list -C own
	says EPERM
	gives 1 as 3001 3000 commit-txn list -C own
	# a member says that it is for the group
	cp -p own/.commit/format mine
	echo 'group 3000' >>mine
	chown 3002 mine
	mv mine own/.commit/format
	gives 1 as 3002 3000 commit-txn list -C own
	chown 3001 own/.commit/format
	gives 0 as 3002 3000 commit-txn list -C own
	# everybody may write, the root has gone to another group, or the store to another owner
	chmod o+x own/.commit
	gives 1 as 3002 3000 commit-txn list -C own
	chmod o-x own/.commit
	chgrp 3003 own
	gives 1 as 3002 3000 commit-txn list -C own
	chgrp 3000 own
	chown 3004 own
	gives 1 as 3002 3000 commit-txn list -C own
	chown 3001 own
	gives 0 as 3002 3000 commit-txn list -C own
	# what is there stays what it is
	mkdir plain
	commit-txn init -C plain
	gives 1 commit-txn init -C plain --group
	says EEXIST 'not for the group'
}

@test "--group: only by a member" {
	a_groups_tree
	mkdir other
	chown 3001:3005 other
	gives 1 as 3001 3000 commit-txn init -C other --group
	says EPERM
}

@test "--group --store" {
	a_groups_tree
	mkdir shared places
	chown 3001:3000 shared places
	chmod 2775 shared
	gives 0 as 3001 3000 commit-txn init -C shared --group --store=places/s
	as 3002 3000 commit-txn script -C shared <<<'write a one'
	holds shared/a one
	[ "$(stat -c %a:%g places/s)" = 2770:3000 ]
}
