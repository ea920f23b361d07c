# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# The unit tests, and every way through the tools that this file names, under
# memcheck with leaks and descriptors counted as errors.

memcheck='valgrind -q --error-exitcode=98 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --child-silent-after-fork=yes'

stage_valgrind() {
	if ! command -v valgrind >/dev/null; then
		skip valgrind valgrind 'valgrind is not installed'
		return
	fi
	plain_build valgrind || return
	# results of the check stage are not to be counted twice
	rm -rf "$run_dir/valgrind" && mkdir -p "$run_dir/valgrind/logs"
	chmod 1777 "$run_dir/valgrind/logs"
	export LC_UNIT_WRAP="$memcheck --log-file=$run_dir/valgrind/logs/%p"
	export LC_EVERY=11
	# shellcheck disable=SC2016 # for make
	check valgrind "$run_dir/check" \
		TESTS='$(filter-out tests/unit/test-log-device,$(quick_programs))'
	skip valgrind 'tests/unit/test-log-device' 'it judges children by their status, which memcheck changes'
	skip valgrind 'the walks of tests/local.mk' 'every call, byte and fault in turn; they run with the sanitizers'
	unset LC_EVERY
	unset LC_UNIT_WRAP
	valgrind_tools
	for log in "$run_dir"/valgrind/logs/*; do
		# lines with --PID-- are of valgrind itself: a call that it does not know,
		# and that the library then does without
		grep -q '^==' "$log" || continue
		head -n 30 "$log"
		fail valgrind "report ${log##*/}" "$(head -n 1 "$log")"
	done
}

# tool STATUS NAME ARGUMENT...: the tool under memcheck ends with STATUS
tool() {
	wanted=$1
	tool_title="$*"
	program=$run_dir/check/src/tools/$2
	shift 2
	$memcheck --track-fds=yes \
		--log-file="$run_dir/valgrind/tool.%p" "$program" "$@" >out 2>err
	status=$?
	# A descriptor without a stack was inherited; those of signals_open live as
	# long as the tool.
	cat "$run_dir"/valgrind/tool.* | awk '
		function flush_block() {
			if (block ~ / at 0x/ && block !~ /signals_open/) printf "%s", block
			block = ""
		}
		/Open file descriptor/ { flush_block(); block = $0 "\n"; next }
		block != "" && / (at|by) 0x|<inherited/ { block = block $0 "\n"; next }
		{ flush_block() }
		/FILE DESCRIPTORS|<inherited from parent>|^==[0-9]+== *$|^--[0-9]+--/ { next }
		{ print }
		END { flush_block() }
	' >report
	rm -f "$run_dir"/valgrind/tool.*
	if [ "$status" -ne "$wanted" ]; then
		fail valgrind "$tool_title" "status $status: $(head -n 1 err)"
	elif [ -s report ]; then
		cat report
		fail valgrind "$tool_title" 'report above'
	else
		pass valgrind "$tool_title"
	fi
}

valgrind_tools() {
	mkdir -p "$run_dir/valgrind/work" && cd "$run_dir/valgrind/work" || return
	echo old >f
	seq 100000 >big
	setfacl -m u:daemon:r f 2>/dev/null
	setfattr -n user.note -v x f 2>/dev/null
	echo new | tool 0 commit-save f
	tool 0 commit-save g -- seq 100000
	tool 4 commit-save f -- false
	tool 0 commit-save --from=big h
	tool 0 commit-save -u --from=big h
	echo more | tool 0 commit-save -a f
	tool 0 commit-save --from=big --backup=numbered f
	tool 4 commit-save --from=big --create f
	tool 0 commit-save --token f
	tool 4 commit-save --from=big --expect=absent f
	tool 0 commit-save --from=f --in-place h
	tool 4 commit-save --from=big --validate='exit 1' f
	# shellcheck disable=SC2016 # for the validator's shell
	tool 0 commit-save --from=big --validate='test -s "$1"' f
	tool 2 commit-save
	tool 1 commit-save --from=big nowhere/f
	tool 0 commit-recover -r .
	tool 0 commit-recover -n --json -r .
	mkdir -p root source/d && cp big source/d/b && echo a >source/a
	tool 0 commit-txn init -C root --keep=3
	tool 0 commit-txn apply -C root --from=source
	printf 'mv d/b c\nchmod 600 a\nsymlink a l\n' | tool 0 commit-txn script -C root
	tool 4 commit-txn script -C root --validate='exit 1' <<-'END'
		rm c
	END
	tool 0 commit-txn run -C root -- sh -c 'exit 0'
	tool 0 commit-txn log -C root
	tool 0 commit-txn list -C root
	tool 0 commit-recover --check root
	mkdir a b c && echo one | tool 0 commit-triple write -q a/s b/s c/s
	tool 0 commit-triple read -q a/s b/s c/s
	echo rot >b/s
	tool 11 commit-triple check -q a/s b/s c/s
	printf new | tool 0 commit-range write --at=10 big
	printf 'hex 0 6162\n' | tool 0 commit-range apply --undo big
	tool 0 commit-range log big
	cd "$run_dir" || return
}
