# SPDX-License-Identifier: ISC
# summary.awk - medians, ratios and verdicts from the raw lines of tests/bench/save
#
#     awk -v format=table|json [-v check=1] -f statistics.awk -f summary.awk RAW
#
# Lines are separated by tabs:
#   T fs bytes name round ns          one save
#   F fs name calls                   calls that flush, in one save
#   M fs mib from ns maxrss floor     peak memory of commit-save, KiB
#   R fs bytes name ns used shared mapped   used is in KiB, the last two in bytes
#   S fs what reason                  what was left out

BEGIN {
	limit_library = 1.05
	limit_process = 1.15
	limit_memory = 8192
}

$1 == "F" || $1 == "M" || $1 == "R" || $1 == "S" { other[++other_count] = $0 }

function is_inner(name) {
	return name == "calls" || name == "calls-tmpfile" || name == "library"
}

function base_of(name) {
	return is_inner(name) ? "calls" : "bare"
}

function size_text(bytes) {
	return bytes >= 1048576 ? bytes / 1048576 " MiB" : bytes / 1024 " KiB"
}

# No disk, no floor of flushes: on tmpfs the ratios show processor time only.
function judge_ratios(group, fs, bytes) {
	if (bytes != 4096 || fs == "tmpfs")
		return
	if (describe_ratio(group, "library", "calls"))
		judge(fs ": library / calls, 4 KiB", fixed_ratio(), "<= " limit_library, ratio <= limit_library)
	if (describe_ratio(group, "commit-save", "bare"))
		judge(fs ": commit-save / bare process, 4 KiB", fixed_ratio(), "<= " limit_process, ratio <= limit_process)
}

function judge_others(    i, f) {
	for (i = 1; i <= other_count; i++) {
		split(other[i], f, FS)
		# fast because it flushes nothing would be no success
		if (f[1] == "F" && (f[3] == "library" || f[3] == "commit-save"))
			judge(f[2] ": " f[3] " flushes file and directory", f[4] " calls", ">= 2", f[4] + 0 >= 2)
		if (f[1] == "M")
			judge(f[2] ": peak memory, " f[3] " MiB from " f[4], f[6] " KiB", "< " limit_memory, f[6] + 0 < limit_memory)
		if (f[1] == "R" && f[4] == "commit-save-from")
			judge(f[2] ": --from copies no data", sprintf("%.0f of %.0f bytes shared, %d KiB more in use", f[7], f[8], f[6]), "all, < 1/64",
				f[7] == f[8] && f[8] + 0 >= f[3] + 0 && f[6] * 1024 < f[3] / 64)
	}
}

function print_times(    g, i, part, name) {
	for (g = 1; g <= group_count; g++) {
		split(groups[g], part, SUBSEP)
		printf "%s, %s, %d rounds\n", part[1], size_text(part[2]), rounds[groups[g], names[groups[g], 1]]
		printf "  %-14s %12s %12s %12s  %-22s %s\n", "", "median us", "10% us", "90% us", "to calls", "to bare process"
		for (i = 1; i <= name_count[groups[g]]; i++)
			print_time_row(groups[g], names[groups[g], i])
		print ""
		judge_ratios(groups[g], part[1], part[2] + 0)
	}
}

function print_time_row(group, name,    to_calls, to_bare) {
	describe_time(group, name)
	to_calls = to_bare = "-"
	if (describe_ratio(group, name, "calls"))
		to_calls = fixed_ratio()
	if (!is_inner(name) && describe_ratio(group, name, "bare"))
		to_bare = fixed_ratio()
	printf "  %-14s %12.1f %12.1f %12.1f  %-22s %s\n", name, median / 1000, low / 1000, high / 1000, to_calls, to_bare
}

function print_others(    i, f) {
	for (i = 1; i <= other_count; i++) {
		split(other[i], f, FS)
		if (f[1] == "F")
			printf "%s: %s: %s flush calls in one save\n", f[2], f[3], f[4]
		else if (f[1] == "M")
			printf "%s: commit-save, %s MiB from %s: %.2f s, %s KiB at most (the meter itself: %s KiB)\n", f[2], f[3], f[4], f[5] / 1e9, f[6], f[7]
		else if (f[1] == "R")
			printf "%s: %s, %s: %.1f ms, %d KiB more in use, %.0f of %.0f bytes shared\n", f[2], f[4], size_text(f[3]), f[5] / 1e6, f[6], f[7], f[8]
		else
			printf "%s: %s: left out: %s\n", f[2], f[3], f[4]
	}
}

function print_table(    i) {
	print_times()
	print_others()
	judge_others()
	print ""
	for (i = 1; i <= verdict_count; i++)
		print verdicts[i]
}

function json_times(    g, i, part, name, comma) {
	for (g = 1; g <= group_count; g++) {
		split(groups[g], part, SUBSEP)
		for (i = 1; i <= name_count[groups[g]]; i++) {
			name = names[groups[g], i]
			describe_time(groups[g], name)
			printf "%s\n    {\"fs\": %s, \"bytes\": %.0f, \"name\": %s, \"rounds\": %d, \"median_ns\": %.0f, \"p10_ns\": %.0f, \"p90_ns\": %.0f", comma, json_text(part[1]), part[2], json_text(name), rounds[groups[g], name], median, low, high
			if (describe_ratio(groups[g], name, base_of(name)))
				printf ", \"base\": %s, \"ratio\": %.4f, \"ratio_low\": %.4f, \"ratio_high\": %.4f", json_text(base_of(name)), ratio, ratio_low, ratio_high
			printf "}"
			comma = ","
		}
	}
}

function json_others(kind,    i, f, comma) {
	for (i = 1; i <= other_count; i++) {
		split(other[i], f, FS)
		if (f[1] != kind)
			continue
		printf "%s\n    {\"fs\": %s, ", comma, json_text(f[2])
		if (kind == "F")
			printf "\"name\": %s, \"calls\": %d}", json_text(f[3]), f[4]
		else if (kind == "M")
			printf "\"mib\": %d, \"from\": %s, \"ns\": %.0f, \"maxrss_kib\": %d, \"floor_kib\": %d}", f[3], json_text(f[4]), f[5], f[6], f[7]
		else if (kind == "R")
			printf "\"bytes\": %.0f, \"name\": %s, \"ns\": %.0f, \"used_kib\": %d, \"shared\": %.0f, \"mapped\": %.0f}", f[3], json_text(f[4]), f[5], f[6], f[7], f[8]
		else
			printf "\"what\": %s, \"reason\": %s}", json_text(f[3]), json_text(f[4])
		comma = ","
	}
}

function print_json() {
	printf "{\n  \"version\": 1,\n  \"times\": ["
	json_times()
	printf "\n  ],\n  \"flushes\": ["
	json_others("F")
	printf "\n  ],\n  \"memory\": ["
	json_others("M")
	printf "\n  ],\n  \"reflink\": ["
	json_others("R")
	printf "\n  ],\n  \"left_out\": ["
	json_others("S")
	printf "\n  ]\n}\n"
}

END {
	if (format == "json") {
		print_json()
		exit 0
	}
	print_table()
	exit check && failed
}
