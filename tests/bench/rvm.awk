# SPDX-License-Identifier: ISC
# Lines of rvm-rounds, those of one way and number of threads together and sorted by
# rate; prints a table and what had to be shown. table: a file for the plots.

$1 == "recover" { recovered = 1; mib = $2; took = $3; floor = $5 + $7; next }

{
	key = $1 " " $2
	n[key]++
	rate[key, n[key]] = $3
	p50[key, n[key]] = $4
	p99[key] += $5
	p999[key] += $6
	log_bytes[key] = $7
	truncations[key] += $8
	if (!(key in seen)) {
		seen[key]
		order[++keys] = key
	}
}

function say(ok, text) { printf "%s %s\n", ok ? "OK    " : "MISSED", text }

# Sorted by rate, so times fall: the middle one is the median, too.
function median_of(list, key) { return list[key, int((n[key] + 1) / 2)] }

function faster(count,   a, b) {
	a = median["pwrite " count]
	b = median["direct " count]
	return a > b ? a : b
}

END {
	for (i = 1; i <= keys; i++) {
		median[order[i]] = median_of(rate, order[i])
		half[order[i]] = median_of(p50, order[i])
	}
	printf "%-9s %7s %11s %9s %9s %10s %9s %11s %s\n", "way", "threads", "commits/s", "p50 us", "p99 us", "p99.9 us", "log bytes", "truncations", "of the faster floor"
	for (i = 1; i <= keys; i++) {
		key = order[i]
		split(key, part, " ")
		best = faster(part[2])
		printf "%-9s %7s %11d %9.3f %9.2f %10.2f %9d %11d %.2f\n", part[1], part[2], median[key], half[key], p99[key] / n[key], p999[key] / n[key], log_bytes[key], truncations[key], best ? median[key] / best : 0
		if (table)
			print part[1], part[2], median[key], half[key], p99[key] / n[key], p999[key] / n[key] > table
	}
	if (recovered)
		printf "recovery of %d MiB: %.2f s; reading it once and writing the result: %.2f s\n", mib, took, floor
	print ""
	if (("flush 1" in seen) && faster(1)) {
		ratio = median["flush 1"] / faster(1)
		say(ratio >= 0.95, sprintf("one thread: %.2f of the faster floor (0.95)", ratio))
		say(log_bytes["flush 1"] <= 256, sprintf("%d bytes of log a transaction (256)", log_bytes["flush 1"]))
	}
	if (("flush 8" in seen) && faster(8)) {
		ratio = median["flush 8"] / faster(8)
		say(ratio >= 0.9, sprintf("eight threads: %.2f of the faster floor of eight (0.9)", ratio))
	}
	if (("flush 8" in seen) && ("sqlite 8" in seen)) {
		ratio = median["flush 8"] / median["sqlite 8"]
		say(ratio >= 5, sprintf("eight threads: %.1f times SQLite (5)", ratio))
	}
	if ("vista 1" in seen)
		say(half["vista 1"] < 0.12, sprintf("Vista: %.0f ns a transaction (120)", 1000 * half["vista 1"]))
	if (("vista 1" in seen) && ("flush 1" in seen)) {
		ratio = half["flush 1"] / half["vista 1"]
		flush = half["pwrite 1"] < half["direct 1"] ? half["pwrite 1"] : half["direct 1"]
		say(ratio >= 1000 || flush < 120, sprintf("Vista: %.0f times LRVM, where a flush costs %.0f us (1000, where it costs 120)", ratio, flush))
	}
	if (("vista 1" in seen) && ("pmemobj 1" in seen)) {
		ratio = half["pmemobj 1"] / half["vista 1"]
		say(ratio >= 10, sprintf("Vista: %.1f times libpmemobj (10)", ratio))
	}
	for (i = 1; i <= keys; i++) {
		split(order[i], part, " ")
		key = "flush " part[2]
		if (part[1] != "truncate" || !(key in seen))
			continue
		ratio = (p99[order[i]] / n[order[i]]) / (p99[key] / n[key])
		say(ratio <= 3, sprintf("%d threads: p99 while truncating %.2f times that without (3)", part[2], ratio))
	}
	if (recovered)
		say(took <= 1.5 * floor, sprintf("recovery: %.2f times reading once and writing the result (1.5)", took / floor))
}
