"""The driver: it plays the application against an unmodified plugin and writes down what comes out.

    run          one case from the first census to the last: `drive`, `drive_batch`
    application  one stream under test, from its opening to its end: what is pushed, and when
    consumer     what reads its events
    actions      what an application can do besides, one function per action of a script
    cues         when it does so
    settling     how long it goes on talking after a fault
    looks        when it looks at what the stream holds meanwhile
    tracks       what each stream under test says
    collect      events, errors, metrics and exceptions as plain records; secrets found in them
    logs         log records of all loggers, while a run lasts
    observe      what the loop shows: attempts to connect, unhandled errors, standing still
    watchdog     whether the loop stands still or never rests, and how it is set free
    census       tasks, descriptors, threads and sessions that are still there

Everything runs on the event loop that `drive` is awaited on, real or virtual. Only public names of
LiveKit's interface are used, and livekit is imported when a run begins, not before.
"""
