/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "args.h"

#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_option(const struct args *args, int letter)
{
	return letter > 255 || (letter != ':' && strchr(args->shorts, letter) != NULL);
}

/* What getopt_long could not make sense of. */
static int refuse_option(const struct args *args, char **argv, int answer)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	const char *word = argv[optind - 1];

	if (answer == ':')
		return cli_usage(word, "needs a value");
	if (optopt == 0)
		return cli_usage(word, "no such option, or more than one begins like this");
	/* a known letter is refused only for a long option with a value too many */
	if (is_option(args, optopt))
		return cli_usage(word, "takes no value");
	return cli_usage(letter, "no such option");
}

/* Operands and command after the `--` that ended the options. */
static int take_rest(struct args *args, char **rest)
{
	bool is_command = args->takes_command && args->operand_count > 0;

	for (; !is_command && *rest != NULL; rest++) {
		if (args->takes_command && strcmp(*rest, "--") == 0)
			is_command = true;
		else
			args->operands[args->operand_count++] = *rest;
	}
	if (!is_command)
		return COMMIT_OK;
	if (*rest == NULL)
		return cli_usage("--", "no command follows it");
	args->command = rest;
	return COMMIT_OK;
}

int args_parse(struct args *args, int argc, char **argv)
{
	char shorts[128];
	int rc = COMMIT_OK;

	args->operand_count = 0;
	args->command = NULL;
	args->operands = calloc((size_t)argc + 1, sizeof(*args->operands));
	if (args->operands == NULL) {
		cli_say(NULL, "out of memory");
		return COMMIT_EFAILED;
	}
	/* '-': operands come in their place as option 1; ':': we do the talking */
	snprintf(shorts, sizeof(shorts), "-:%s", args->shorts);
	opterr = 0;
	while (rc == COMMIT_OK) {
		int before = optind;
		int option = getopt_long(argc, argv, shorts, args->longs, NULL);

		if (option == -1 && optind > before)
			return take_rest(args, argv + optind);
		if (option == -1 && optind == argc)
			break;
		if (option == '?' || option == ':')
			rc = refuse_option(args, argv, option);
		else if (option == -1)
			/* musl stops at a lone "-" */
			args->operands[args->operand_count++] = argv[optind++];
		else if (option == 1)
			args->operands[args->operand_count++] = optarg;
		else
			rc = args->set(args->context, option, optarg);
	}
	return rc;
}

void args_release(struct args *args)
{
	free(args->operands);
	args->operands = NULL;
}
