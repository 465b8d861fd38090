/* A StorageRequest, whatever argv[1] may be; what decodes must come back the same, and bad names must make no options. */
#include "cleanup.h"
#include "storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_options(const struct storage_step *step)
{
	const struct stack stack = {.lowers = step->lowers, .n_lowers = step->n_lowers, .upper = step->upper};
	cleanup_free char *options = NULL;

	if (overlay_options(&stack, &options) != 0)
		return;
	for (size_t i = 0; i < step->n_lowers; i++)
		if (!storage_name_ok(step->lowers[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL), *again = NULL;
	struct storage_request request;
	struct proto_error wrong;

	if (!json || storage_request_decode(json, &request, &wrong) != 0)
		return 0;
	for (size_t i = 0; i < request.n_steps; i++)
		check_options(&request.steps[i]);
	again = storage_request_encode(&request);
	storage_request_clear(&request);
	if (!again || storage_request_decode(again, &request, &wrong) != 0)
		abort();
	storage_request_clear(&request);
	return 0;
}
