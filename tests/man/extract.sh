#!/bin/sh
# SPDX-License-Identifier: ISC
#
# extract.sh PAGE        list the names of the examples in a manual page
# extract.sh PAGE NAME   print the example NAME as its reader would type it
#
# An example is a display between .Bd -literal and .Ed that follows the comment
#     .\" example: NAME
# Exit status 1 if there is no such example, or if a marker has no display.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	echo 'usage: extract.sh PAGE [NAME]' >&2
	exit 2
fi

awk -v wanted="${2-}" '
function plain(line) {
	sub(/^\\&/, "", line)
	gsub(/\\\(aq/, "\047", line)
	gsub(/\\-/, "-", line)
	gsub(/\\e/, "\\", line)
	return line
}
function fail(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	bad = 1
	exit 1
}
/^\.\\" example: [^ ]+$/ {
	if (marked)
		fail("two markers before a display")
	name = $3
	marked = 1
	if (wanted == "")
		print name
	next
}
marked && /^\.Bd -literal/ { inside = 1; marked = 0; next }
marked { fail("no .Bd -literal after the marker") }
inside && /^\.Ed/ { inside = 0; next }
inside && name == wanted { print plain($0); found = 1 }
END {
	if (bad)
		exit 1
	if (marked || inside)
		fail("a display does not end")
	if (wanted != "" && !found)
		fail("no example " wanted)
}' "$1"
