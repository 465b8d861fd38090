/* An AttachRequest, whatever argv[1] may be. */
#include "cleanup.h"
#include "protocol.gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct attach_request request;
	struct proto_error wrong;

	if (json && attach_request_decode(json, &request, &wrong) == 0)
		attach_request_clear(&request);
	return 0;
}
