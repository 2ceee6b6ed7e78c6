"""The assistant for other programs: OpenAI's audio and chat endpoints under /v1.

The routes call the pipelines directly, not through the inbox that chats use: the response is the
acknowledgement, so no job has to outlive the request. Paid results are stored under the audio's
hash as for messages, so repeating a request costs nothing.
"""
