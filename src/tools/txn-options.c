/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-options.h"

#include "args.h"
#include "cli.h"
#include "jsonl.h"
#include "parse.h"
#include "txn-usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	OPT_OWNER = 256,
	OPT_TTL,
	OPT_AT,
	OPT_FROM,
	OPT_MIRROR,
	OPT_STRIP,
	OPT_EXCLUDE,
	OPT_NO_SAME_OWNER,
	OPT_VALIDATE,
	OPT_VALIDATE_AT_ROOT,
	OPT_WAIT,
	OPT_STORE,
	OPT_GROUP,
	OPT_KEEP,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const char shorts[] = "C:e:n0qv";

static const struct option longs[] = {
        {"root", required_argument, NULL, 'C'},
        {"owner", required_argument, NULL, OPT_OWNER},
        {"ttl", required_argument, NULL, OPT_TTL},
        {"at", required_argument, NULL, OPT_AT},
        {"from", required_argument, NULL, OPT_FROM},
        {"expect", required_argument, NULL, 'e'},
        {"mirror", no_argument, NULL, OPT_MIRROR},
        {"strip-components", required_argument, NULL, OPT_STRIP},
        {"exclude", required_argument, NULL, OPT_EXCLUDE},
        {"no-same-owner", no_argument, NULL, OPT_NO_SAME_OWNER},
        {"validate", required_argument, NULL, OPT_VALIDATE},
        {"validate-at-root", required_argument, NULL, OPT_VALIDATE_AT_ROOT},
        {"wait", required_argument, NULL, OPT_WAIT},
        {"store", required_argument, NULL, OPT_STORE},
        {"group", no_argument, NULL, OPT_GROUP},
        {"keep", required_argument, NULL, OPT_KEEP},
        {"dry-run", no_argument, NULL, 'n'},
        {"null", no_argument, NULL, '0'},
        {"quiet", no_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {"json", no_argument, NULL, OPT_JSON},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
};

/* Which of txn_command.allowed an option needs. */
static const struct {
	int option;
	unsigned bit;
} needs[] = {
        {OPT_OWNER, TXN_OWNER},       {OPT_TTL, TXN_OWNER},
        {OPT_FROM, TXN_CONTENT},      {'e', TXN_EXPECT},
        {OPT_MIRROR, TXN_ARCHIVE},    {OPT_STRIP, TXN_ARCHIVE},
        {OPT_EXCLUDE, TXN_ARCHIVE},   {OPT_NO_SAME_OWNER, TXN_ARCHIVE},
        {OPT_VALIDATE, TXN_VALIDATE}, {OPT_VALIDATE_AT_ROOT, TXN_VALIDATE},
        {'n', TXN_DRY_RUN},           {'0', TXN_ZERO},
        {OPT_JSON, TXN_JSON},         {OPT_STORE, TXN_LAYOUT},
        {OPT_GROUP, TXN_LAYOUT},      {OPT_KEEP, TXN_LAYOUT},
        {OPT_AT, TXN_AT},
};

struct reading {
	struct txn_options *options;
	/* options that were given, of those above: the first for each bit */
	int given[COUNT(needs)];
};

static void note_option(struct reading *reading, int option)
{
	for (size_t i = 0; i < COUNT(needs); i++)
		if (needs[i].option == option)
			reading->given[i] = true;
}

static const char *long_name(int option)
{
	static char text[64];

	for (const struct option *at = longs; at->name != NULL; at++)
		if (at->val == option) {
			snprintf(text, sizeof(text), "--%s", at->name);
			return text;
		}
	return NULL;
}

static int set_string(int option, const char *value, const char **string)
{
	if (value[0] == '\0')
		return cli_usage(long_name(option), "its value is empty");
	if (*string != NULL)
		return cli_usage(long_name(option), "given twice");
	*string = value;
	return COMMIT_OK;
}

/* A whole number from least on. */
static int set_number(int option, const char *value, long least, long most, long *number)
{
	char *end;
	long found = strtol(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end != '\0' || found < least || found > most)
		return cli_usage(long_name(option), "'%s' is no number from %ld to %ld", value,
		                 least, most);
	*number = found;
	return COMMIT_OK;
}

static int add_exclude(struct txn_options *options, const char *value)
{
	const char **more;

	if (value[0] == '\0')
		return cli_usage("--exclude", "its value is empty");
	more = realloc(options->excludes,
	               ((size_t)options->exclude_count + 1) * sizeof(*options->excludes));
	if (more == NULL) {
		cli_say(NULL, "out of memory");
		return COMMIT_EFAILED;
	}
	more[options->exclude_count++] = value;
	options->excludes = more;
	return COMMIT_OK;
}

static int set_value(struct txn_options *options, int option, const char *value)
{
	long number = 0;
	int rc;

	switch (option) {
	case 'C':
		return set_string(option, value, &options->root);
	case 'e':
		return set_string(option, value, &options->expect);
	case OPT_FROM:
		return set_string(option, value, &options->from);
	case OPT_VALIDATE:
		return set_string(option, value, &options->validate);
	case OPT_VALIDATE_AT_ROOT:
		return set_string(option, value, &options->validate_at_root);
	case OPT_STORE:
		return set_string(option, value, &options->store);
	case OPT_AT:
		options->has_at = true;
		return parse_bytes("--at", value, &options->at);
	case OPT_KEEP:
		return parse_bound("--keep", value, &options->keep);
	case OPT_EXCLUDE:
		return add_exclude(options, value);
	case OPT_TTL:
		return parse_age("--ttl", value, &options->ttl);
	case OPT_WAIT:
		return parse_seconds("--wait", value, &options->wait_ms);
	case OPT_OWNER:
		rc = set_number(option, value, 1, INT32_MAX, &number);
		options->owner = (pid_t)number;
		return rc;
	default:
		rc = set_number(option, value, 0, 4096, &number);
		options->strip = (int)number;
		return rc;
	}
}

static bool set_switch(struct txn_options *options, int option)
{
	switch (option) {
	case OPT_MIRROR:
		options->mirror = true;
		return true;
	case OPT_NO_SAME_OWNER:
		options->no_same_owner = true;
		return true;
	case OPT_GROUP:
		options->group = true;
		return true;
	case 'n':
		options->dry_run = true;
		return true;
	case '0':
		options->zero = true;
		return true;
	default:
		return cli_switch(option);
	}
}

static int set_option(void *context, int option, const char *value)
{
	struct reading *reading = context;

	if (option == OPT_HELP)
		return cli_help(txn_usage);
	if (option == OPT_VERSION)
		return cli_version();
	note_option(reading, option);
	if (option == OPT_JSON) {
		reading->options->json = true;
		return jsonl_option();
	}
	if (set_switch(reading->options, option))
		return COMMIT_OK;
	return set_value(reading->options, option, value);
}

/*
 * For args_parse the command's name is an operand like another, so that `--`
 * after it starts CMD. That is right for `run -- CMD` alone: in `put -- @ -f` and
 * `rm @ -- -f` operands follow, and in the first CMD may follow after another `--`.
 */
static int sort_words(struct txn_options *options, struct args *args)
{
	enum txn_takes takes = options->command->takes;
	char **at = args->command;

	options->operands = args->operands + 1;
	options->operand_count = args->operand_count - 1;
	if (takes == TXN_MUST_CMD || (takes == TXN_MAY_CMD && options->operand_count > 0)) {
		options->cmd = at;
		return COMMIT_OK;
	}
	for (; at != NULL && *at != NULL; at++) {
		if (takes == TXN_MAY_CMD && strcmp(*at, "--") == 0) {
			options->cmd = at + 1;
			break;
		}
		options->operands[options->operand_count++] = *at;
	}
	if (options->cmd != NULL && options->cmd[0] == NULL)
		return cli_usage("--", "no command follows it");
	return COMMIT_OK;
}

static const struct txn_command *find_command(const struct txn_command *commands, const char *name)
{
	while (commands->name != NULL && strcmp(commands->name, name) != 0)
		commands++;
	return commands->name != NULL ? commands : NULL;
}

static int check_operands(const struct txn_options *options)
{
	const struct txn_command *command = options->command;

	if (options->operand_count < command->least)
		return cli_usage(command->name, "operands are missing: %s", command->operands);
	if (options->operand_count > command->most)
		return cli_usage(options->operands[command->most], "one operand too many for %s",
		                 command->name);
	for (int i = 0; i < options->operand_count; i++)
		if (options->operands[i][0] == '\0')
			return cli_usage(command->name, "an operand is empty");
	if (command->takes == TXN_MUST_CMD && options->cmd == NULL)
		return cli_usage(command->name, "needs a command: -- CMD");
	return COMMIT_OK;
}

/* Options that this command does not take, or that contradict each other. */
static int check_sense(const struct txn_options *options, const struct reading *reading)
{
	const struct txn_command *command = options->command;
	bool applies = (command->allowed & TXN_ARCHIVE) != 0;

	for (size_t i = 0; i < COUNT(needs); i++)
		if (reading->given[i] && (command->allowed & needs[i].bit) == 0)
			return cli_usage(long_name(needs[i].option), "is no option of %s",
			                 command->name);
	if ((command->allowed & TXN_AT) != 0 && !options->has_at)
		return cli_usage(command->name, "--at=OFFSET is missing");
	if (applies && (options->from != NULL) == (options->operand_count > 0))
		return cli_usage(command->name, "give either ARCHIVE or --from=DIR");
	if (options->from != NULL && options->cmd != NULL)
		return cli_usage("--from",
		                 "there is a command too, but there can be one source only");
	if (options->validate != NULL && options->validate_at_root != NULL)
		return cli_usage("--validate", "cannot be together with --validate-at-root");
	return COMMIT_OK;
}

static int parse_words(struct reading *reading, struct args *args,
                       const struct txn_command *commands, int argc, char **argv)
{
	struct txn_options *options = reading->options;
	int rc = args_parse(args, argc, argv);

	options->words = args->operands;
	/* also after an error: a misused `read` ends with a status of its own */
	if (args->operand_count > 0)
		options->command = find_command(commands, args->operands[0]);
	if (rc != COMMIT_OK)
		return rc;
	if (args->operand_count == 0)
		return cli_usage(NULL, "COMMAND is missing");
	if (options->command == NULL)
		return cli_usage(args->operands[0], "no such command");
	return COMMIT_OK;
}

int txn_options_parse(struct txn_options *options, const struct txn_command *commands, int argc,
                      char **argv)
{
	struct reading reading = {.options = options};
	struct commit_txn_options txn;
	struct commit_store_options store;
	struct args args = {
	        .shorts = shorts,
	        .longs = longs,
	        .takes_command = true,
	        .set = set_option,
	        .context = &reading,
	};
	int rc;

	memset(options, 0, sizeof(*options));
	commit_txn_options_init(&txn);
	commit_store_options_init(&store);
	options->ttl = txn.ttl;
	options->wait_ms = store.wait_ms;
	rc = parse_words(&reading, &args, commands, argc, argv);
	if (rc == COMMIT_OK)
		rc = sort_words(options, &args);
	if (rc == COMMIT_OK)
		rc = check_operands(options);
	if (rc == COMMIT_OK)
		rc = check_sense(options, &reading);
	return rc;
}

void txn_options_release(struct txn_options *options)
{
	free(options->words);
	free(options->excludes);
	options->words = NULL;
	options->excludes = NULL;
}
