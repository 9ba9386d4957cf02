"""What a view tells others by itself: the readings on the topic and in Redis. One of several views does it."""
