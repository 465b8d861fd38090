/* A launch plan from any bytes. */
#include "cleanup.h"
#include "protocol.gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct proto_error err = {};
	struct plan plan = {};

	if (json && plan_decode(json, &plan, &err) == 0)
		plan_clear(&plan);
	return 0;
}
