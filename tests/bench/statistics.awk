# SPDX-License-Identifier: ISC
# statistics.awk - what the summaries of the benches share: times, ratios, verdicts
#
#     awk -f statistics.awk -f summary.awk RAW
#
# Lines of RAW are separated by tabs. Those of the form
#   T fs group name round ns
# are collected here; the rest is the business of the summary. Each pair of file
# system and group stands for runs that were interleaved.
#
# A ratio is the median of the ratios within the rounds, not the ratio of the
# medians: both of a pair saw the same machine. Its interval (95%) is taken from
# the order statistics and assumes nothing about the distribution.

BEGIN {
	FS = "\t"
	failed = 0
}

$1 == "T" {
	group = $2 SUBSEP $3
	if (!(group in seen_group)) {
		seen_group[group] = 1
		groups[++group_count] = group
	}
	if (!((group, $4) in rounds)) {
		names[group, ++name_count[group]] = $4
		rounds[group, $4] = 0
	}
	rounds[group, $4]++
	ns[group, $4, $5] = $6
	next
}

# Sorts list[1..n], numbers (Shell's gaps).
function sort_list(list, n,    gap, i, j, value) {
	for (gap = int(n / 2); gap > 0; gap = int(gap / 2))
		for (i = gap + 1; i <= n; i++) {
			value = list[i]
			for (j = i; j > gap && list[j - gap] > value; j -= gap)
				list[j] = list[j - gap]
			list[j] = value
		}
}

function at_fraction(list, n, fraction,    i) {
	i = int(n * fraction + 0.5)
	return list[i < 1 ? 1 : i > n ? n : i]
}

function middle(list, n) {
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# Sets median, low, high of what name took; 10th and 90th percentile.
function describe_time(group, name,    list, n, r) {
	n = rounds[group, name]
	for (r = 0; r < n; r++)
		list[r + 1] = ns[group, name, r] + 0
	sort_list(list, n)
	median = middle(list, n)
	low = at_fraction(list, n, 0.1)
	high = at_fraction(list, n, 0.9)
}

# Sets ratio, ratio_low, ratio_high of name against base, pair by pair.
function describe_ratio(group, name, base,    list, n, r, half) {
	n = rounds[group, name]
	if (n == 0 || rounds[group, base] != n)
		return 0
	for (r = 0; r < n; r++)
		list[r + 1] = ns[group, name, r] / ns[group, base, r]
	sort_list(list, n)
	ratio = middle(list, n)
	half = 0.98 * sqrt(n)
	r = int(n / 2 - half)
	ratio_low = list[r < 1 ? 1 : r]
	r = int(n / 2 + half + 1.5)
	ratio_high = list[r > n ? n : r]
	return 1
}

function fixed_ratio() {
	return sprintf("%.3f (%.3f-%.3f)", ratio, ratio_low, ratio_high)
}

function judge(what, value, limit, ok) {
	verdicts[++verdict_count] = sprintf("%-6s %-48s %s, wanted %s", ok ? "ok" : "MISSED", what, value, limit)
	if (!ok)
		failed = 1
}

# A figure that explains another one's verdict.
function note(what, value) {
	verdicts[++verdict_count] = sprintf("%-6s %-48s %s", "note", what, value)
}

function json_text(s) {
	gsub(/["\\]/, "\\\\&", s)
	return "\"" s "\""
}
