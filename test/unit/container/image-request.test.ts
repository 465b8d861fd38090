import { expect, test } from 'vitest'
import { parseImageRequest } from '../../../src/container/image-request.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

test('what a template asks for, and what is another request', () => {
  expect(parseImageRequest(`oci:/a b/blobs ${digest}\ndocker://x/y:1\n`)).toEqual({ store: '/a b/blobs', digest, name: 'docker://x/y:1' })
  for (const text of ['', '/rootfs key\n', `oci:blobs ${digest}\nx\n`, `oci:/blobs ${digest}\n`, 'oci:/blobs sha256:12\nx\n', `oci:/blobs ${digest}\nx\ny\n`]) expect(parseImageRequest(text), text).toBeNull()
})
