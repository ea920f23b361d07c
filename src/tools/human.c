/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "human.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>

const char *human_bytes(uint64_t bytes, char text[HUMAN_SIZE])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = 0;
	uint64_t whole, tenths;

	while (unit < 5 && bytes >> (10 * (unit + 2)) != 0)
		unit++;
	whole = bytes >> (10 * (unit + 1));
	tenths = (bytes >> (10 * unit) & 1023) * 10 / 1024;
	if (whole == 0)
		snprintf(text, HUMAN_SIZE, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
	else if (whole < 10)
		snprintf(text, HUMAN_SIZE, "%" PRIu64 ".%" PRIu64 " %s", whole, tenths,
		         units[unit]);
	else
		snprintf(text, HUMAN_SIZE, "%" PRIu64 " %s", whole, units[unit]);
	return text;
}

const char *human_age(int64_t seconds, char text[HUMAN_SIZE])
{
	const int64_t minute = 60;
	const int64_t hour = 60 * minute;
	const int64_t day = 24 * hour;

	if (seconds < 2 * minute)
		snprintf(text, HUMAN_SIZE, "%" PRId64 "s", seconds);
	else if (seconds < 2 * hour)
		snprintf(text, HUMAN_SIZE, "%" PRId64 "m", seconds / minute);
	else if (seconds < 2 * day)
		snprintf(text, HUMAN_SIZE, "%" PRId64 "h", seconds / hour);
	else
		snprintf(text, HUMAN_SIZE, "%" PRId64 "d", seconds / day);
	return text;
}

const char *human_time(int64_t seconds, char text[HUMAN_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm parts;

	if (gmtime_r(&when, &parts) == NULL ||
	    strftime(text, HUMAN_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(text, HUMAN_SIZE, "-");
	return text;
}

const char *human_user(uid_t user, char text[HUMAN_SIZE])
{
	const struct passwd *known = getpwuid(user);

	if (known != NULL && known->pw_name[0] != '\0')
		snprintf(text, HUMAN_SIZE, "%s", known->pw_name);
	else
		snprintf(text, HUMAN_SIZE, "%ju", (uintmax_t)user);
	return text;
}
