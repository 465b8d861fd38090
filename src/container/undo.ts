/** What has to be taken back when a step of several fails. */

export class UndoStack {
  #steps: (() => void | Promise<void>)[] = []

  /** fn takes back what was just done; the last one deferred runs first. */
  defer(fn: () => void | Promise<void>): void {
    this.#steps.push(fn)
  }

  /** Takes everything back, each step even if another failed. Resolves with what went wrong. */
  async unwind(): Promise<Error[]> {
    const errors: Error[] = []
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        errors.push(error instanceof Error ? error : new Error(String(error)))
      }
    }
    return errors
  }

  /** All is well: nothing will be taken back. */
  release(): void {
    this.#steps = []
  }
}
