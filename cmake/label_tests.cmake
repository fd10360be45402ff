# Gives every test of `names` its labels by its name, when ctest reads the list of tests:
#   fast        run on every change; the default
#   slow        "Slow" in the name: run before a change is handed in
#   torture     "Torture" in the name: run for as long as one likes
#   concurrent  "Concurrent" in the name, beside one of the above: also run under the thread sanitizer
foreach(name IN LISTS names)
    set(labels fast)
    set(timeout 600)  # also under a sanitizer on a busy machine
    if(name MATCHES "Torture")
        set(labels torture)
        set(timeout 14400)
    elseif(name MATCHES "Slow")
        set(labels slow)
        set(timeout 2400)
    endif()
    if(name MATCHES "Concurrent")
        list(APPEND labels concurrent)
    endif()
    set_tests_properties("${name}" PROPERTIES LABELS "${labels}" TIMEOUT ${timeout})
endforeach()
