/* A request of a client from any bytes. */
#include "cleanup.h"
#include "protocol.gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct proto_error err = {};
	struct request request = {};

	if (json && request_decode(json, &request, &err) == 0)
		request_clear(&request);
	return 0;
}
