#!/bin/sh
# SPDX-License-Identifier: ISC
# A source file of the library includes its own header, public headers, and
# headers of lower floors. A tool includes public headers and those beside it.
. "${0%/*}/lint.sh"
lint_begin 'files include lower floors only'

# " MODULE=FLOOR MODULE=FLOOR ... "
floors=$(awk '!/^#/ { printf " %s=%s", $2, $1 } END { print " " }' src/lib/FLOORS)

# module_of FILE: stage.c and stage-link.c are both of the module stage
module_of() {
	module=${1##*/}
	module=${module%.[ch]}
	module=${module%%-*}
}

# floor_of MODULE: empty if it is on none. Both are asked for every line with an
# include; without a process for each they take a second, not six.
floor_of() {
	below=
	case $floors in
	*" $1="*)
		below=${floors#*" $1="}
		below=${below%% *}
		;;
	esac
}

# includes FILE: LINE HEADER for each quoted or commit_* include
includes() {
	strip_c "$1" | sed -n '
		s/^[ 	]*#[ 	]*include[ 	]*["<]\([^">]*\)[">].*/\1/
		t found
		d
		:found
		=
		p' | paste -d ' ' - -
}

check_library_file() {
	file=$1
	module_of "$file" && own=$module
	floor_of "$own" && floor=$below
	if [ -z "$floor" ]; then
		lint_find "$file: $own is not in src/lib/FLOORS"
		return
	fi
	while read -r line header; do
		module_of "$header"
		if [ "$module" = "$own" ] || [ "$header" = config.h ] || [ -f "src/include/$header" ]; then
			continue
		fi
		# what is not ours is a system header
		[ -f "src/lib/$header" ] || continue
		floor_of "$module"
		if [ -z "$below" ]; then
			lint_find "$file:$line: $header is not in src/lib/FLOORS"
		elif [ "$below" -ge "$floor" ]; then
			lint_find "$file:$line: $own (floor $floor) includes $header (floor $below)"
		fi
	done <<-END
	$(includes "$file")
	END
}

check_tool_file() {
	file=$1
	while read -r line header; do
		if [ -f "src/lib/$header" ] && [ ! -f "src/tools/$header" ]; then
			lint_find "$file:$line: a tool includes $header of the library's inside"
		fi
	done <<-END
	$(includes "$file")
	END
}

count=0
for file in src/lib/*.[ch]; do
	[ -f "$file" ] || continue
	check_library_file "$file"
	count=$((count + 1))
done
for file in src/tools/*.[ch]; do
	[ -f "$file" ] || continue
	check_tool_file "$file"
	count=$((count + 1))
done
[ "$count" -gt 0 ] || lint_find 'no source files found'
while read -r floor module; do
	case $floor in '#'*) continue ;; esac
	[ -f "src/lib/$module.h" ] || [ -f "src/include/commit_$module.h" ] ||
		lint_find "src/lib/FLOORS: $module (floor $floor) has no header"
done <src/lib/FLOORS
lint_note "$count files"
lint_end
