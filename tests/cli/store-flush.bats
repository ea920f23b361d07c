#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Flushes that fail: of the commit record, and of what was published. A disk that
# has said no once is not believed again before the file system was mounted anew.

# shellcheck disable=SC2154 # published is set in store-helper
# shellcheck disable=SC2094 # the command named script does not write the file named script

load txn-helper
load store-helper

setup() { scratch; }
teardown() {
	cd / || return
	if [ -n "$MOUNTED" ]; then
		umount "$ROOT/w/root" 2>/dev/null || umount -l "$ROOT/w/root" || true
	fi
	sweep
}

# A file system of its own on root
on_a_disk() {
	need_root
	need mkfs.ext4
	truncate -s 32M disk
	mkfs.ext4 -q -F disk
	mount -o loop disk root 2>/dev/null || skip 'may not mount'
	MOUNTED=yes
}

gone() { [ ! -e "$1" ]; }

# A name space that somebody has made meanwhile keeps it mounted, for a while.
again() {
	local device
	device=$(findmnt -no SOURCE root)
	umount root
	until_true gone "/sys/fs/ext4/${device##*/}"
	mount -o loop disk root
}

fill() {
	printf 'old a\n' >root/a
	printf 'old b\n' >root/b
	commit-txn init -C root
}

new_script() {
	cat >script <<-'END'
		write a "new a\n"
		write b "new b\n"
		write c "new c\n"
	END
}

# The flush after publishing fails; later ones say that all is well.
fails_to_flush() {
	new_script
	gives 3 fault 2:EIO:syncfs commit-txn script -C root <script
	says 'the flush failed' 'commit-recover'
	T=$(ls root/.commit/stage)
	[ -n "$T" ]
	all_new
}

@test "the flush after publishing fails: 3, and no later flush makes it complete" {
	fill
	fails_to_flush
	for _ in 1 2; do
		gives 3 commit-recover root
		has 'roll-forward transaction' 'a flush failed'
	done
	gives 3 commit-recover --list root
	has "pending transaction root/.commit/stage/$T"
	# not done, and not said to be committed
	gives 1 commit-txn script -C root <<<'write a newer'
	says 'an earlier transaction is not finished' 'unmounted'
	holds root/a 'new a\n'
	gives 1 commit-txn begin -C root
	gives 125 commit-txn read -C root -- cat root/a
	gives 3 commit-recover --resolve="$T:commit" root
	gives 3 commit-recover --resolve="$T:abort" root
	all_new
	# a leak, a disaster: neither
	gives 0 commit-recover --check root
}

@test "the note that it failed needs no room of its own" {
	fill
	new_script
	# whatever is created after the publishing fails
	COMMIT_FAULT_TRACE=trace fault 999:EIO commit-txn script -C root <script
	made=$(grep -c '^call [0-9]* create ' trace)
	rm -rf root
	mkdir root
	fill
	gives 3 fault "2:EIO:syncfs,$((made + 1)):ENOSPC:forever:create" commit-txn script -C root <script
	gives 3 commit-recover root
	all_new
}

@test "mounted again, it is finished; a bind mount is not another mount" {
	on_a_disk
	fill
	fails_to_flush
	mkdir bound
	mount --bind root bound
	gives 3 commit-recover bound
	umount bound
	gives 3 commit-recover root
	again
	gives 10 commit-recover root
	all_new
	idle
	gives 0 commit-txn script -C root <<<'write a newer'
	holds root/a newer
}

@test "after a reboot it is finished" {
	fill
	fails_to_flush
	# as if it had been noted in another boot
	grep -q '^unflushed ' "root/.commit/stage/$T/info"
	sed -i 's/^unflushed ......../unflushed 0123abcd/' "root/.commit/stage/$T/info"
	gives 10 commit-recover root
	all_new
	idle
}

@test "taking back is not flushed: the same" {
	fill
	pends "$published"
	first=$T
	gives 3 fault 1:EIO:syncfs commit-recover --resolve="$T:abort" root
	all_old
	gives 3 commit-recover root
	gives 3 commit-recover -n root
	sed -i 's/^unflushed ......../unflushed 0123abcd/' root/.commit/stage/*/info
	gives 10 commit-recover root
	all_old
	idle
	gives 0 commit-recover --resolve="$first:abort" root
}

@test "the flush of the commit record fails: 6, and what the device has is what counts" {
	fill
	segment=$(find root/.commit/log -name 'segment-*' | sort | tail -n 1)
	for has in yes no; do
		cp "$segment" before
		# before the flush the record is in the page cache only
		gives 6 fault 2:EIO:fdatasync commit-txn script -C root <<<"write a $has"
		says 'did not answer'
		holds root/a 'old a\n'
		[ "$has" = yes ] || cp before "$segment"
		status=0
		commit-recover root >"$OUT" 2>"$ERR" || status=$?
		[ "$status" -eq 10 ]
		idle
		if [ "$has" = yes ]; then
			holds root/a yes
			printf 'old a\n' >root/a
		else
			has 'remove transaction'
			holds root/a 'old a\n'
		fi
		gives 0 commit-recover --check root
	done
}
