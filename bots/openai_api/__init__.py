"""The assistant's abilities for other programs, as OpenAI's endpoints under /v1.

They use the core directly, through a value that `bots.program` builds (`Services`), and not the
door that chats go through: a request is acknowledged by its answer alone, so no job has to
outlive it. What was paid for is kept under the sound's hash as for messages, so that to ask again
costs nothing.
"""
