# SPDX-License-Identifier: ISC
# txn-summary.awk - medians, ratios and verdicts from the raw lines of tests/bench/txn
#
#     awk [-v check=1] -f statistics.awk -f txn-summary.awk RAW
#
# Lines besides those of statistics.awk:
#   F fs group name counted told      calls that flush: by strace, by the library
#   S fs what reason                  what was left out

BEGIN {
	limit_flushes = 8
	limit_each = 5
	limit_tar = 1.2
	limit_commit = 0.2
	limit_recovery = 1.2
	limit_scan = 1.3
}

$1 == "F" || $1 == "S" { other[++other_count] = $0 }

function base_of(group) {
	return group ~ /^recovery/ ? "bulk" : group ~ /^scan/ ? "find" : "tar"
}

function judge_group(group, fs, what,    on_ext4) {
	# the limit is for a journaled ext4; elsewhere it is good to know
	on_ext4 = fs == "ext4" && what == "1000 of 4 KiB"
	if (on_ext4 && describe_ratio(group, "each", "apply"))
		judge(fs ": " what ": each / apply", fixed_ratio(), ">= " limit_each, ratio >= limit_each)
	if (on_ext4 && describe_ratio(group, "apply", "tar"))
		judge(fs ": " what ": apply / tar and sync", fixed_ratio(), "<= " limit_tar, ratio <= limit_tar)
	if (on_ext4 && describe_ratio(group, "log-commit", "tar"))
		judge(fs ": " what ": until the commit is durable / tar and sync", fixed_ratio(), "<= " limit_commit, ratio <= limit_commit)
	if (on_ext4 && describe_ratio(group, "bulk", "tar"))
		note(fs ": " what ": bulk, the floor of apply / tar and sync", fixed_ratio())
	if (on_ext4 && describe_ratio(group, "append", "tar"))
		note(fs ": " what ": append, the floor of a commit in the log / tar and sync", fixed_ratio())
	if (what ~ /^recovery/ && describe_ratio(group, "recover", "bulk"))
		judge(fs ": " what " / the same writes", fixed_ratio(), "<= " limit_recovery, ratio <= limit_recovery)
	if (what ~ /^scan/ && describe_ratio(group, "recover", "find"))
		judge(fs ": " what " / find -xdev", fixed_ratio(), "<= " limit_scan, ratio <= limit_scan)
}

function print_group(group, fs, what,    i, name) {
	printf "%s, %s, %d rounds\n", fs, what, rounds[group, names[group, 1]]
	printf "  %-10s %12s %12s %12s  to %s\n", "", "median ms", "10% ms", "90% ms", base_of(what)
	for (i = 1; i <= name_count[group]; i++) {
		name = names[group, i]
		describe_time(group, name)
		printf "  %-10s %12.1f %12.1f %12.1f  ", name, median / 1e6, low / 1e6, high / 1e6
		print describe_ratio(group, name, base_of(what)) ? fixed_ratio() : "-"
	}
	print ""
}

# What the library tells begins with the transaction: the making of a store is
# not in it.
function collect_flushes(    i, f, making) {
	for (i = 1; i <= other_count; i++) {
		split(other[i], f, FS)
		if (f[1] == "F" && f[4] == "create")
			created[f[2]] = f[5]
	}
	for (i = 1; i <= other_count; i++) {
		split(other[i], f, FS)
		if (f[1] != "F")
			continue
		row = f[2] ": " f[3] ": " f[4]
		if (!(row in most)) {
			rows[++row_count] = row
			least[row] = most[row] = f[5] + 0
			own[row] = f[6]
		}
		least[row] = f[5] + 0 < least[row] ? f[5] + 0 : least[row]
		most[row] = f[5] + 0 > most[row] ? f[5] + 0 : most[row]
		making = f[3] ~ /a store$/ ? created[f[2]] : 0
		if (f[6] != "-" && f[6] + making != f[5] + 0)
			disagree[row] = f[5] " by strace, " f[6] " and " making " by the library"
	}
}

function print_flushes(    i, f, row) {
	collect_flushes()
	for (i = 1; i <= row_count; i++) {
		row = rows[i]
		printf "%s: %s flush calls%s\n", row, least[row] < most[row] ? least[row] " to " most[row] : most[row], own[row] == "-" || row in disagree ? "" : ", the library counts the same"
		if (own[row] == "-")
			continue
		judge(row ": flush calls", most[row], "<= " limit_flushes, most[row] <= limit_flushes)
		if (row in disagree)
			judge(row ": its own count", disagree[row], "the same", 0)
	}
	for (i = 1; i <= other_count; i++) {
		split(other[i], f, FS)
		if (f[1] == "S")
			printf "%s: %s: %s\n", f[2], f[3], f[4]
	}
}

END {
	for (g = 1; g <= group_count; g++) {
		split(groups[g], part, SUBSEP)
		print_group(groups[g], part[1], part[2])
		judge_group(groups[g], part[1], part[2])
	}
	print_flushes()
	print ""
	for (i = 1; i <= verdict_count; i++)
		print verdicts[i]
	exit check && failed
}
