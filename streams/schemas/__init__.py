"""The contracts with other services, made from the declarations and from the types that are sent.

JSON Schemas of everything on a topic, an AsyncAPI document of the topics, an OpenAPI document of the HTTP interface.
"""
