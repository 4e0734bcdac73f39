! SPDX-License-Identifier: BSD-3-Clause
!
! ft.f90 - module ft: the fault tolerance user API (ft.h) for Fortran.
!
!     use ft
!     type(ftHandle_t) :: handle
!     type(ftReply_t)  :: reply
!     call openFT(handle)                                   ! this node's unit
!     call requestFT(handle, findAlternative(ftRank(2), ftNeedAtLeast(ftAny())), reply, 5000)
!     if (reply%status == FT_OK) print *, 'use node ', ft_text(reply%alternative%node)
!     call closeFT(handle)
!
! Names and meanings are those of ft.h (man ft.3). The types are C's own, field by field, so that
! they can be handed on to C; texts in them end with a NUL, ft_text makes Fortran's of them. ierror
! is the last argument and may be left out, as in mpi_f08. The module has no state of its own.
!
module ft
    use, intrinsic :: iso_c_binding
    implicit none
    private

    integer, parameter, public :: FT_NAME_MAX = 256, FT_EXCLUDE_MAX = 2048, FT_DEVICES_MAX = 4, &
        FT_TEXT_MAX = 512

    ! Results: ftRetVal_t
    integer(c_int), parameter, public :: FT_PENDING = 1, FT_OK = 0, FT_ERR_ARG = -1, &
        FT_ERR_HANDLE = -2, FT_ERR_ACTION = -3, FT_ERR_HOST = -4, FT_ERR_CONNECT = -5, &
        FT_ERR_AUTH = -6, FT_ERR_VERSION = -7, &
        FT_ERR_TIMEOUT = -8, FT_ERR_LOST = -9, FT_ERR_NONE = -10, FT_ERR_UNKNOWN = -11, &
        FT_ERR_DENIED = -12, FT_ERR_BUSY = -13, FT_ERR_MEMORY = -14, FT_ERR_FORKED = -15, &
        FT_ERR_CANCELED = -16, FT_ERR_PROTOCOL = -17, FT_ERR_SYSTEM = -18, FT_ERR_UNFIT = -19
    ! Kinds of resources: ftKind_t
    integer(c_int), parameter, public :: FT_NODE = 1, FT_RANK = 2, FT_PROCESS = 3, FT_DEVICE = 4, &
        FT_LINK = 5, FT_STORAGE = 6
    ! Usages: ftUsage_t
    integer(c_int), parameter, public :: FT_SEND = 1, FT_RECEIVE = 2, FT_READ = 3, FT_WRITE = 4, &
        FT_COMPUTE = 5, FT_RELEASE = 6
    ! How an alternative came about: ftRung_t
    integer(c_int), parameter, public :: FT_BY_NOTHING = 0, FT_BY_REPAIR = 1, &
        FT_BY_SPARE_RANK = 2, FT_BY_IDLE_NODE = 3, FT_BY_NEW_NODE = 4, FT_BY_SHARING = 5
    ! How to get there: ftReach_t
    integer(c_int), parameter, public :: FT_REACH_NOTHING = 0, FT_REACH_START = 1, &
        FT_REACH_PORT = 2, FT_REACH_RANK = 3
    integer(c_int64_t), parameter, public :: FT_FOREVER = -1_c_int64_t

    type, bind(C), public :: ftHandle_t
        integer(c_int64_t) :: id = 0
    end type

    type, bind(C), public :: ftResource_t
        integer(c_int) :: kind
        character(kind=c_char) :: node(FT_NAME_MAX)
        character(kind=c_char) :: job(FT_NAME_MAX)
        integer(c_int64_t) :: number
        character(kind=c_char) :: name(FT_NAME_MAX)
        integer(c_int) :: error
    end type

    type, bind(C), public :: ftDevices_t
        character(kind=c_char) :: type(32)
        integer(c_int32_t) :: count_min
    end type

    type, bind(C), public :: ftConstraint_t
        integer(c_int32_t) :: cores_min
        integer(c_int64_t) :: memory_min_bytes
        character(kind=c_char) :: arch(32)
        type(ftDevices_t) :: devices(FT_DEVICES_MAX)
        integer(c_int) :: at_least
        integer(c_int) :: same_kind
        character(kind=c_char) :: excluded(FT_EXCLUDE_MAX)
        integer(c_int) :: distance
        type(ftResource_t) :: from
        character(kind=c_char) :: ladder(32)
        character(kind=c_char) :: when_none(32)
        integer(c_int32_t) :: wait_ms
        integer(c_int) :: error
    end type

    type, bind(C), public :: ftAction_t
        integer(c_int32_t) :: verb
        integer(c_int) :: error
        type(ftResource_t) :: resource
        integer(c_int) :: usage
        type(ftConstraint_t) :: constraint
        integer(c_int64_t) :: decision
        integer(c_int32_t) :: code
        character(kind=c_char) :: text(1024)
        type(c_ptr) :: borrowed
        integer(c_size_t) :: borrowed_n
    end type

    type, bind(C), public :: ftSteps_t
        real(c_double) :: known_ms, decide_ms, probe_ms, total_ms
    end type

    type, bind(C), public :: ftReply_t
        integer(c_int) :: status
        integer(c_int64_t) :: event
        integer(c_int64_t) :: decision
        integer(c_int32_t) :: epoch
        type(ftResource_t) :: resource
        character(kind=c_char) :: lost_node(FT_NAME_MAX)
        type(ftResource_t) :: alternative
        integer(c_int) :: rung
        integer(c_int) :: repairable
        character(kind=c_char) :: repair(FT_TEXT_MAX)
        character(kind=c_char) :: match(FT_TEXT_MAX)
        integer(c_int) :: reach
        integer(c_int) :: reach_rank
        character(kind=c_char) :: port(1024)
        integer(c_int) :: in_job
        type(ftSteps_t) :: steps
        integer(c_int32_t) :: probed
        integer(c_int64_t) :: available_at_s
        character(kind=c_char) :: reason(FT_TEXT_MAX)
        character(kind=c_char) :: hint(FT_TEXT_MAX)
        integer(c_int) :: change
        integer(c_int) :: fewer
    end type

    public :: ft_text, ft_chars
    public :: ftNode, ftRank, ftRankOf, ftProcess, ftDevice, ftLink, ftStorage, ftResourceText
    public :: ftAny, ftNeedCores, ftNeedMemory, ftNeedDevices, ftNeedArch, ftNeedAtLeast, &
        ftNeedSameKind, ftExclude, ftNear, ftFar, ftLadder, ftWhenNone, ftWaitUpTo
    public :: resourceError, findAlternative
    public :: openFT, closeFT, requestFT, ftStrError, ftLastError

    ! What needs no conversion is C's own.
    interface
        type(ftResource_t) function ftRank(rank) bind(C, name='ftRank')
            import
            integer(c_int), value :: rank
        end function
        type(ftConstraint_t) function ftAny() bind(C, name='ftAny')
            import
        end function
        type(ftConstraint_t) function ftNeedCores(C, cores) bind(C, name='ftNeedCores')
            import
            type(ftConstraint_t), value :: C
            integer(c_int), value :: cores
        end function
        type(ftConstraint_t) function ftNeedMemory(C, memory_bytes) bind(C, name='ftNeedMemory')
            import
            type(ftConstraint_t), value :: C
            integer(c_int64_t), value :: memory_bytes
        end function
        type(ftConstraint_t) function ftNeedAtLeast(C) bind(C, name='ftNeedAtLeast')
            import
            type(ftConstraint_t), value :: C
        end function
        type(ftConstraint_t) function ftNeedSameKind(C) bind(C, name='ftNeedSameKind')
            import
            type(ftConstraint_t), value :: C
        end function
        type(ftConstraint_t) function ftNear(C, R) bind(C, name='ftNear')
            import
            type(ftConstraint_t), value :: C
            type(ftResource_t), value :: R
        end function
        type(ftConstraint_t) function ftFar(C, R) bind(C, name='ftFar')
            import
            type(ftConstraint_t), value :: C
            type(ftResource_t), value :: R
        end function
        type(ftConstraint_t) function ftWaitUpTo(C, wait_ms) bind(C, name='ftWaitUpTo')
            import
            type(ftConstraint_t), value :: C
            integer(c_int64_t), value :: wait_ms
        end function
        type(ftAction_t) function resourceError(R, U) bind(C, name='resourceError')
            import
            type(ftResource_t), value :: R
            integer(c_int), value :: U
        end function
        type(ftAction_t) function findAlternative(R, C) bind(C, name='findAlternative')
            import
            type(ftResource_t), value :: R
            type(ftConstraint_t), value :: C
        end function
    end interface

    interface
        type(ftResource_t) function c_node(node) bind(C, name='ftNode')
            import
            character(kind=c_char), intent(in) :: node(*)
        end function
        type(ftResource_t) function c_rank_of(job, rank) bind(C, name='ftRankOf')
            import
            character(kind=c_char), intent(in) :: job(*)
            integer(c_int), value :: rank
        end function
        type(ftResource_t) function c_process(node, pid) bind(C, name='ftProcess')
            import
            character(kind=c_char), intent(in) :: node(*)
            integer(c_int64_t), value :: pid
        end function
        type(ftResource_t) function c_device(node, device) bind(C, name='ftDevice')
            import
            character(kind=c_char), intent(in) :: node(*), device(*)
        end function
        type(ftResource_t) function c_link(node, other) bind(C, name='ftLink')
            import
            character(kind=c_char), intent(in) :: node(*), other(*)
        end function
        type(ftResource_t) function c_storage(node, path) bind(C, name='ftStorage')
            import
            character(kind=c_char), intent(in) :: node(*), path(*)
        end function
        integer(c_size_t) function c_resource_text(R, text, size) bind(C, name='ftResourceText')
            import
            type(ftResource_t), intent(in) :: R
            character(kind=c_char), intent(out) :: text(*)
            integer(c_size_t), value :: size
        end function
        type(ftConstraint_t) function c_need_devices(C, type, count) bind(C, name='ftNeedDevices')
            import
            type(ftConstraint_t), value :: C
            character(kind=c_char), intent(in) :: type(*)
            integer(c_int), value :: count
        end function
        type(ftConstraint_t) function c_need_arch(C, arch) bind(C, name='ftNeedArch')
            import
            type(ftConstraint_t), value :: C
            character(kind=c_char), intent(in) :: arch(*)
        end function
        type(ftConstraint_t) function c_exclude(C, node) bind(C, name='ftExclude')
            import
            type(ftConstraint_t), value :: C
            character(kind=c_char), intent(in) :: node(*)
        end function
        type(ftConstraint_t) function c_ladder(C, ways) bind(C, name='ftLadder')
            import
            type(ftConstraint_t), value :: C
            character(kind=c_char), intent(in) :: ways(*)
        end function
        type(ftConstraint_t) function c_when_none(C, steps) bind(C, name='ftWhenNone')
            import
            type(ftConstraint_t), value :: C
            character(kind=c_char), intent(in) :: steps(*)
        end function
        integer(c_int) function c_open(host, handle) bind(C, name='openFT')
            import
            type(c_ptr), value :: host
            type(ftHandle_t), intent(out) :: handle
        end function
        integer(c_int) function c_close(handle) bind(C, name='closeFT')
            import
            type(ftHandle_t), value :: handle
        end function
        integer(c_int) function c_request(handle, A, res, T) bind(C, name='requestFT')
            import
            type(ftHandle_t), value :: handle
            type(ftAction_t), value :: A
            type(ftReply_t), intent(out) :: res
            integer(c_int64_t), value :: T
        end function
        type(c_ptr) function c_str_error(result) bind(C, name='ftStrError')
            import
            integer(c_int), value :: result
        end function
        type(c_ptr) function c_last_error() bind(C, name='ftLastError')
            import
        end function
        integer(c_size_t) function c_strlen(text) bind(C, name='strlen')
            import
            type(c_ptr), value :: text
        end function
    end interface

    ! A time in ms, of any kind of integer.
    interface requestFT
        module procedure request_default, request_long
    end interface

contains

    ! A text out of a C field (up to its NUL).
    pure function ft_text(chars) result(text)
        character(kind=c_char), intent(in) :: chars(:)
        character(:), allocatable :: text
        integer :: i, n

        n = 0
        do while (n < size(chars))
            if (chars(n + 1) == c_null_char) exit
            n = n + 1
        end do
        allocate (character(n) :: text)
        do i = 1, n
            text(i:i) = chars(i)
        end do
    end function

    ! A C text out of a Fortran one, whose trailing blanks are not meant.
    pure function ft_chars(text) result(chars)
        character(*), intent(in) :: text
        character(kind=c_char) :: chars(len_trim(text) + 1)
        integer :: i

        do i = 1, len_trim(text)
            chars(i) = text(i:i)
        end do
        chars(len_trim(text) + 1) = c_null_char
    end function

    ! A text that C has made; '' for NULL.
    function from_c(address) result(text)
        type(c_ptr), intent(in) :: address
        character(:), allocatable :: text
        character(kind=c_char), pointer :: chars(:)

        text = ''
        if (.not. c_associated(address)) return
        call c_f_pointer(address, chars, [c_strlen(address)])
        text = ft_text(chars)
    end function

    type(ftResource_t) function ftNode(node)
        character(*), intent(in) :: node
        ftNode = c_node(ft_chars(node))
    end function

    type(ftResource_t) function ftRankOf(job, rank)
        character(*), intent(in) :: job
        integer, intent(in) :: rank
        ftRankOf = c_rank_of(ft_chars(job), int(rank, c_int))
    end function

    type(ftResource_t) function ftProcess(node, pid)
        character(*), intent(in) :: node
        integer(c_int64_t), intent(in) :: pid
        ftProcess = c_process(ft_chars(node), pid)
    end function

    type(ftResource_t) function ftDevice(node, device)
        character(*), intent(in) :: node, device
        ftDevice = c_device(ft_chars(node), ft_chars(device))
    end function

    type(ftResource_t) function ftLink(node, other_node)
        character(*), intent(in) :: node, other_node
        ftLink = c_link(ft_chars(node), ft_chars(other_node))
    end function

    type(ftResource_t) function ftStorage(node, path)
        character(*), intent(in) :: node, path
        ftStorage = c_storage(ft_chars(node), ft_chars(path))
    end function

    ! The resource for people: "rank 2 of job ...".
    function ftResourceText(R) result(text)
        type(ftResource_t), intent(in) :: R
        character(:), allocatable :: text
        character(kind=c_char) :: chars(4 * FT_NAME_MAX)
        integer(c_size_t) :: n

        n = c_resource_text(R, chars, size(chars, kind=c_size_t))
        text = ft_text(chars)
    end function

    type(ftConstraint_t) function ftNeedDevices(C, type, count)
        type(ftConstraint_t), intent(in) :: C
        character(*), intent(in) :: type
        integer, intent(in) :: count
        ftNeedDevices = c_need_devices(C, ft_chars(type), int(count, c_int))
    end function

    type(ftConstraint_t) function ftNeedArch(C, arch)
        type(ftConstraint_t), intent(in) :: C
        character(*), intent(in) :: arch
        ftNeedArch = c_need_arch(C, ft_chars(arch))
    end function

    type(ftConstraint_t) function ftExclude(C, node)
        type(ftConstraint_t), intent(in) :: C
        character(*), intent(in) :: node
        ftExclude = c_exclude(C, ft_chars(node))
    end function

    type(ftConstraint_t) function ftLadder(C, ways)
        type(ftConstraint_t), intent(in) :: C
        character(*), intent(in) :: ways
        ftLadder = c_ladder(C, ft_chars(ways))
    end function

    type(ftConstraint_t) function ftWhenNone(C, steps)
        type(ftConstraint_t), intent(in) :: C
        character(*), intent(in) :: steps
        ftWhenNone = c_when_none(C, ft_chars(steps))
    end function

    ! host left out: this node's unit.
    subroutine openFT(handle, host, ierror)
        type(ftHandle_t), intent(out) :: handle
        character(*), intent(in), optional :: host
        integer, intent(out), optional :: ierror
        character(kind=c_char), allocatable, target :: chars(:)
        integer(c_int) :: rc

        if (present(host)) then
            chars = ft_chars(host)
            rc = c_open(c_loc(chars), handle)
        else
            rc = c_open(c_null_ptr, handle)
        end if
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine closeFT(handle, ierror)
        type(ftHandle_t), intent(inout) :: handle
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_close(handle)
        handle%id = 0
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine request_long(handle, A, res, T, ierror)
        type(ftHandle_t), intent(in) :: handle
        type(ftAction_t), intent(in) :: A
        type(ftReply_t), intent(out) :: res
        integer(c_int64_t), intent(in) :: T
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_request(handle, A, res, T)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine request_default(handle, A, res, T, ierror)
        type(ftHandle_t), intent(in) :: handle
        type(ftAction_t), intent(in) :: A
        type(ftReply_t), intent(out) :: res
        integer, intent(in) :: T
        integer, intent(out), optional :: ierror

        call request_long(handle, A, res, int(T, c_int64_t), ierror)
    end subroutine

    function ftStrError(result) result(text)
        integer, intent(in) :: result
        character(:), allocatable :: text

        text = from_c(c_str_error(int(result, c_int)))
    end function

    function ftLastError() result(text)
        character(:), allocatable :: text

        text = from_c(c_last_error())
    end function
end module
