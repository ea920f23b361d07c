#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Directories whose mode is in the way of their owner: new ones are filled, old
# ones are refused before the commit.

load txn-helper
load store-helper

setup() {
	store_scratch
	need_user
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 root
	mkdir src
	chmod 755 src
}
teardown() { sweep; }

@test "a new directory that may not be written is filled all the same" {
	mkdir -p src/d/sub src/empty src/x
	echo f >src/d/f
	echo g >src/d/sub/g
	echo h >src/x/h
	chmod 500 src/d/sub src/d src/empty
	chmod 711 src/x
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 src
	gives 0 as_user commit-txn apply -C root --from=src
	[ "$(mode root/d)" = 500 ]
	[ "$(mode root/d/sub)" = 500 ]
	[ "$(mode root/empty)" = 500 ]
	[ "$(mode root/x)" = 711 ]
	holds root/d/f 'f\n'
	holds root/d/sub/g 'g\n'
	idle
	chmod -R u+w src
}

@test "killed between: recovery fills it, and sets the mode again if it was set" {
	mkdir -p src/d/sub
	echo f >src/d/f
	echo g >src/d/sub/g
	chmod 500 src/d/sub src/d
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 src
	for at in 1:noreplace 2:noreplace 3:noreplace 4:noreplace 2:syncfs; do
		chmod -R u+w root
		rm -rf root
		mkdir root
		commit-txn init -C root
		[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 root
		got=0
		as_user env PATH="$LC_FAULT_BIN:$PATH" COMMIT_FAULT="${at%:*}:kill:${at#*:}" commit-txn apply -C root --from=src || got=$?
		[ "$got" -eq 137 ] || { echo "not killed at $at: $got"; return 1; }
		gives 10 as_user commit-recover root
		[ "$(mode root/d)" = 500 ]
		[ "$(mode root/d/sub)" = 500 ]
		holds root/d/f 'f\n'
		holds root/d/sub/g 'g\n'
		idle
	done
	chmod -R u+w src root
}

@test "an old one that may not be written is neither moved nor removed: said before the commit" {
	mkdir root/d root/e root/to
	[ "$(id -u)" -ne 0 ] || chown 65534:65534 root/d root/e root/to
	chmod 500 root/d root/e
	before=$(tree root)
	gives 1 as_user commit-txn script -C root <<<'mv d to/d'
	says 'to/d' || says 'd:'
	says 'no right to write this directory'
	gives 1 as_user commit-txn script -C root <<<'rmdir e'
	says 'no right to write this directory'
	idle
	[ "$(tree root)" = "$before" ]
	gives 0 commit-recover -n root
	# where it stays in its directory, its entry .. stays too
	gives 0 as_user commit-txn script -C root <<<'mv d d2'
	[ "$(mode root/d2)" = 500 ]
}
