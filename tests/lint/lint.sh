# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# lint.sh - sourced by the lints: one TAP test each, findings as diagnostics
#
#     . "${0%/*}/lint.sh"
#     lint_begin "what is promised"
#     lint_find "file:line: what is wrong"      (any number of times)
#     lint_end
#
# The working directory is the top of the sources. LC_BUILDDIR, CC, CXX and NM
# come from make check; by hand: sh tests/lint/floors.sh

lint_top=$(cd "${0%/*}/../.." && pwd) || exit 1
LC_BUILDDIR=${LC_BUILDDIR:-$lint_top}
CC=${CC:-cc}
NM=${NM:-nm}
cd "$lint_top" || exit 1

lint_work=$(mktemp -d "${TMPDIR:-/tmp}/libcommit-lint.XXXXXX") || exit 1
trap 'rm -rf "$lint_work"' EXIT
trap 'exit 1' HUP INT TERM
lint_findings=$lint_work/findings

lint_begin() {
	lint_title=$1
	: >"$lint_findings"
	echo 1..1
}

lint_note() {
	printf '# %s\n' "$1"
}

lint_find() {
	printf '%s\n' "$1" >>"$lint_findings"
}

lint_skip() {
	echo "ok 1 - $lint_title # SKIP $1"
	exit 0
}

# lint_needs COMMAND: skip where it is missing
lint_needs() {
	command -v "$1" >/dev/null || lint_skip "$1 is not installed"
}

lint_end() {
	if [ -s "$lint_findings" ]; then
		echo "not ok 1 - $lint_title"
		sed 's/^/# /' "$lint_findings"
	else
		echo "ok 1 - $lint_title"
	fi
	exit 0
}

# Every file that somebody wrote, one a line: what git knows or would add; in a
# released tree all but what autoreconf and configure made. A build directory
# inside the sources is left out.
lint_files() {
	lint_built=$LC_BUILDDIR/
	lint_built=${lint_built#"$lint_top/"}
	lint_found | awk -v built="${lint_built:-/}" 'index($0, built) != 1'
}

lint_found() {
	if [ -e .git ] && command -v git >/dev/null && git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard | while read -r file; do
			[ ! -f "$file" ] || printf '%s\n' "$file"
		done
	else
		find . \( -name autom4te.cache -o -name build-aux -o -name .deps -o -name .libs \
			-o -name _build -o -name build -o -name sanitizer \) -prune -o -type f -print |
			sed 's,^\./,,' |
			grep -Ev '^(configure~?|config\.(h|h\.in~?|log|status)|aclocal\.m4|Makefile(\.in)?|libtool|stamp-h1|m4/l[ti].*\.m4|test-suite\.log|src/lib/libcommit\.pc)$' |
			grep -Ev '\.(o|lo|la|a|so|log|trs|gcno|gcda)$'
	fi
}

# strip_c FILE: C without comments and contents of strings, lines kept
strip_c() {
	awk '
	{
		out = ""
		line = $0
		while (line != "") {
			if (comment) {
				end = index(line, "*/")
				if (!end) { line = ""; break }
				line = substr(line, end + 2)
				comment = 0
				continue
			}
			two = substr(line, 1, 2)
			one = substr(line, 1, 1)
			if (two == "/*") { comment = 1; line = substr(line, 3); continue }
			if (two == "//") { break }
			if ((one == "\"" || one == "\047") && out !~ /^[ \t]*#[ \t]*include/) {
				rest = substr(line, 2)
				while (rest != "" && substr(rest, 1, 1) != one)
					rest = substr(rest, substr(rest, 1, 1) == "\\" ? 3 : 2)
				out = out one one
				line = substr(rest, 2)
				continue
			}
			out = out one
			line = substr(line, 2)
		}
		print out
	}' "$1"
}
